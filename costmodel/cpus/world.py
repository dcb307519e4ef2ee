"""The shared things of one simulation, and what a CPU does as it visits them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import simpy

from costmodel.cpus.invalidation import Receivers, Shootdowns, left_cpus
from costmodel.cpus.resources import Events, ReadWriteLock, Server, Thing, Usage
from costmodel.cpus.segments import Flushes, Segment, Visit
from costmodel.cpus.setup import Setup

INTERRUPTED = "interrupted"
"""Cause of the time that handlers of other CPUs' flushes take."""
PER_SOCKET = ("zone_lock", "lru_lock", "memory")
"""Things of which each socket has one of its own."""
PER_PROCESS = ("mmap_lock", "counters", "generation")
"""Things of which each address space has one of its own."""

_FLUSHES = 2
"""A segment with more flushes in a row makes so many, each as long as several."""


class Turn(NamedTuple):
    """Broadcasts at the interconnect: how long they hold it for a CPU alone, how long here, and
    what they take from each other CPU."""

    alone_ps: int
    service_ps: int
    stolen_ps: int


Recorder = Callable[[int, str, int, int], None]
"""Takes a CPU, what it does, from when, until when."""


@dataclass
class World:
    """Shared things of all CPUs of one simulation."""

    setup: Setup
    env: simpy.Environment = field(default_factory=simpy.Environment)
    record: Recorder | None = None
    servers: dict[Thing, Server] = field(default_factory=dict)
    locks: dict[int, ReadWriteLock] = field(default_factory=dict)
    receivers: dict[int, Receivers] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make what is asked for by number of CPU."""
        setup, workload = self.setup, self.setup.workload
        self.stolen_ps = np.zeros(setup.online, np.int64)
        self.shootdowns: Shootdowns | None = None
        several = workload.threads > 1
        if setup.shootdown and (several or setup.leaves_cpus) and setup.shares("shootdown"):
            p = setup.prices
            self.shootdowns = Shootdowns(
                setup.shootdown, p.line_ps, p.far_line_ps, self.stolen_ps, setup.cpus
            )
            for process in range(workload.cpus):
                self.receivers[process] = _receivers(setup, process)
        # Nobody waits for a lock that all hold for reading.
        waits = several and workload.others == "same"
        self.locking = waits and setup.writes and setup.shares("mmap_lock")
        self.outside_ps = setup.outside_ps if self.locking and not setup.writes_tables else 0
        """What is done under the lock before anything of the page tables is."""
        self.broadcasts_ps = 0
        """What all broadcasts so far took from every CPU but their senders."""

    def server(self, name: str, cpu: int) -> Server:
        """Return the one of a thing that a CPU goes to."""
        setup, p = self.setup, self.setup.prices
        where = 0
        if name in PER_SOCKET:
            where = setup.socket(cpu)
        elif name in PER_PROCESS:
            where = cpu // setup.workload.threads
        thing = Thing(name, where)
        found = self.servers.get(thing)
        if found is None:
            lines = (0, 0) if name in ("memory", "interconnect") else (p.line_ps, p.far_line_ps)
            found = Server(self.env, *lines)
            if name == "interconnect":
                found.growth, found.most_waiting = p.growth, p.request_nodes - 1
            self.servers[thing] = found
        return found

    def turn_of(self, segment: Segment) -> Turn:
        """Return what the broadcasts of a segment are to the interconnect and to other CPUs."""
        p = self.setup.prices
        held = segment.syncs * p.sync_held_ps + (segment.tlbis - segment.syncs) * p.tlbi_held_ps
        alone_ps = min(segment.broadcast_ps, round(held))
        factor = p.far_factor if self.setup.spans_sockets else 1.0
        stolen_ps = round(segment.tlbis * p.stolen_ps)
        # A broadcast is over when every CPU has taken it: they cannot come faster than that.
        slowest_ps = stolen_ps if len(self.setup.workers) > 1 else 0
        return Turn(alone_ps, max(round(alone_ps * factor), slowest_ps), stolen_ps)

    def receivers_of(self, cpu: int) -> Receivers:
        """Return the CPUs of a CPU's address space."""
        return self.receivers[cpu // self.setup.workload.threads]

    def lock(self, cpu: int) -> ReadWriteLock:
        """Return the lock of a CPU's address space."""
        process = cpu // self.setup.workload.threads
        return self.locks.setdefault(process, ReadWriteLock(self.env))

    def usages(self) -> dict[Thing, Usage]:
        """Return what every shared thing has seen so far."""
        found = {thing: server.usage for thing, server in self.servers.items()}
        for process, lock in self.locks.items():
            found[Thing("mmap_lock", process, is_held=True)] = lock.usage
        if self.shootdowns is not None:
            found[Thing("shootdown")] = self.shootdowns.usage
        return found


def _receivers(setup: Setup, process: int) -> Receivers:
    threads = setup.workload.threads
    first = process * threads
    running = np.full(threads, setup.workload.others != "idle")
    running[0] = True
    numbers = list(range(first, first + threads))
    if setup.leaves_cpus:
        numbers += left_cpus(first, threads, setup.online)
    sockets = np.array([setup.socket(cpu) for cpu in numbers])
    # Masks were trimmed as the simulation begins.
    trims_ps = setup.shootdown.mask_trim_ps if setup.shootdown else 0
    return Receivers(np.array(numbers), sockets, running, trims_ps)


def bursts(flushes: Flushes) -> Iterator[int]:
    """Yield how many flushes in a row are drawn together, in turn."""
    together = -(-flushes.count // _FLUSHES)
    for start in range(0, flushes.count, together):
        yield min(together, flushes.count - start)


@dataclass
class CrowdCpu:
    """One CPU that executes operations; ``extra_ps`` says by cause what others cost it.

    ``paid_ps``: what broadcasts took that this CPU sent, or has made up for.
    """

    world: World
    number: int
    paid_ps: int = 0
    extra_ps: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Look up what never changes."""
        setup = self.world.setup
        self.env = self.world.env
        self.socket = setup.socket(self.number)
        self._servers: dict[str, Server] = {}

    def between(self, more_ps: int = 0) -> Events:
        """Do what lies between two operations; ``more_ps`` is by how much it differs."""
        setup = self.world.setup
        yield from self._segments(setup.between, setup.shares_between, more_ps)

    def operate(self, more_ps: int = 0) -> Events:
        """Execute the operation once; ``more_ps`` is what noise adds to its work, or takes."""
        world = self.world
        setup = world.setup
        began = int(self.env.now)
        if world.shootdowns is not None:
            all_of_them = setup.workload.others != "same"
            world.receivers_of(self.number).move(self.number, all_of_them=all_of_them)
        if world.locking:
            yield from world.lock(self.number).acquire(write=True)
            self._charge("mmap_lock", int(self.env.now) - began)
            if world.record and self.env.now > began:
                world.record(self.number, "mmap_lock", began, int(self.env.now))
        if world.outside_ps:
            yield from self.work(world.outside_ps)
        if world.locking and not setup.writes_tables:
            world.lock(self.number).downgrade()
        # What was done outside the tables is taken out of the segments' work, and noise goes there.
        change_ps = more_ps - world.outside_ps
        yield from self._segments(setup.operation, setup.shares_of_work, change_ps)
        if world.locking:
            world.lock(self.number).release(write=setup.writes_tables)

    def _segments(
        self, segments: Sequence[Segment], shares: Sequence[float], change_ps: int
    ) -> Events:
        """Execute segments, whose work differs by their shares of a change."""
        done_ps, passed_ps = 0, 0
        for segment, share in zip(segments, shares, strict=True):
            passed_ps += segment.work_ps
            upto_ps = max(done_ps, passed_ps + int(change_ps * share))
            yield from self._segment(segment, upto_ps - done_ps)
            done_ps = upto_ps

    def work(self, time_ps: int) -> Events:
        """Compute; what broadcasts took so far and handlers of interrupts come on top.

        Interrupts lengthen the work that they meet. What broadcasts took is made up for when the
        CPU works next: a CPU that made up for more as it came would never end where CPUs that
        hardly work keep the interconnect busy.
        """
        world, started = self.world, int(self.env.now)
        owed_ps = world.broadcasts_ps - self.paid_ps
        self.paid_ps = world.broadcasts_ps
        self._charge(INTERRUPTED, owed_ps)
        time_ps += owed_ps
        before = int(world.stolen_ps[self.number])
        while time_ps:
            yield self.env.timeout(time_ps)
            time_ps = int(world.stolen_ps[self.number]) - before
            before += time_ps
            self._charge(INTERRUPTED, time_ps)
        if world.record and self.env.now > started:
            world.record(self.number, "works", started, int(self.env.now))

    def _segment(self, segment: Segment, work_ps: int) -> Events:
        yield from self.work(work_ps)
        for visit in segment.visits:
            yield from self._visit(visit)
        if segment.broadcast_ps:
            yield from self._broadcast(segment)
        if segment.flushes is not None and self.world.shootdowns is not None:
            yield from self._flush(segment.flushes, self.world.shootdowns)

    def _server(self, name: str) -> Server:
        found = self._servers.get(name)
        if found is None:
            found = self._servers[name] = self.world.server(name, self.number)
        return found

    def _visit(self, visit: Visit) -> Events:
        server = self._server(visit.name)
        passes_ps = server.visit(self.number, self.socket, visit.held_ps, visit.visits)
        self._charge(visit.name, passes_ps - visit.held_ps)
        if passes_ps:
            yield from self._pass(visit.name, passes_ps)

    def _pass(self, name: str, time_ps: int) -> Events:
        """Let time pass that interrupts do not lengthen: a wait, or a short stay."""
        if self.world.record:
            now = int(self.env.now)
            self.world.record(self.number, name, now, now + time_ps)
        yield self.env.timeout(time_ps)

    def _broadcast(self, segment: Segment) -> Events:
        """Send TLBIs and wait for them: in turn at the interconnect, then on their way."""
        world = self.world
        if not world.setup.shares("interconnect"):
            yield from self._pass("TLBI", segment.broadcast_ps)
            return
        turn = world.turn_of(segment)
        took_ps = self._server("interconnect").visit(self.number, self.socket, turn.service_ps)
        world.broadcasts_ps += turn.stolen_ps
        self.paid_ps += turn.stolen_ps
        self._charge("interconnect", took_ps - turn.alone_ps)
        yield from self._pass("interconnect", took_ps + segment.broadcast_ps - turn.alone_ps)

    def _flush(self, flushes: Flushes, shootdowns: Shootdowns) -> Events:
        """Flush the other CPUs of the address space, and wait until they have done it."""
        world, began = self.world, int(self.env.now)
        receivers, request = world.receivers_of(self.number), flushes.request
        before_ps = sum(self.extra_ps.values())
        generation = self._server("generation") if world.setup.shares("generation") else None
        for times in bursts(flushes):
            if generation is not None:
                yield from self._visit(Visit("generation", 0, times))
            there_ps = shootdowns.invlpgb_ps(receivers, self.number, request)
            if there_ps is not None:
                yield from self._pass("shootdown", times * there_ps)
                continue
            send_ps = times * shootdowns.send_ps(receivers, self.number, request)
            now = int(self.env.now)
            more_ps = shootdowns.send_in_vain_ps(receivers, self.number, request, now=now)
            yield from self.work(send_ps + (more_ps or 0))
            now = int(self.env.now)
            until = shootdowns.answered_ps(
                receivers,
                self.number,
                request,
                now=now,
                times=times,
                generation=generation,
                in_vain=more_ps is not None,
            )
            if until > now:
                yield from self._pass("shootdown", until - now)
        others_ps = sum(self.extra_ps.values()) - before_ps
        self._charge("shootdown", int(self.env.now) - began - others_ps)

    def _charge(self, cause: str, time_ps: int) -> None:
        if time_ps:
            self.extra_ps[cause] = self.extra_ps.get(cause, 0) + time_ps
