"""What every CPU does over and over, as arrays for :mod:`costmodel.cpus.compiled`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from costmodel.arrays import Ints
from costmodel.cpus.compiled import interrupts, locks, loop
from costmodel.cpus.compiled.events import PendingEvents
from costmodel.cpus.compiled.servers import Servers
from costmodel.cpus.invalidation import NOWHERE
from costmodel.cpus.ran import Ran
from costmodel.cpus.resources import Server, Usage
from costmodel.cpus.world import INTERRUPTED, World, bursts

if TYPE_CHECKING:
    from costmodel.cpus.invalidation import Shootdowns
    from costmodel.cpus.segments import Flushes, Segment
    from costmodel.operations.protocol import FlushRequest

INTERCONNECT = "interconnect"
_UNCHANGED = -1.0
"""Share of a step that neither noise nor anything else changes."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One step; see :class:`loop.StepTable` for what the numbers mean.

    ``server`` and ``cause`` are names. ``takes`` is how long each CPU takes where they differ;
    ``flush`` is what is sent, ``times`` in a row.
    """

    kind: int
    amount_ps: int = 0
    service_ps: int = 0
    after_ps: int = 0
    stolen_ps: int = 0
    passed_ps: int = 0
    share: float = _UNCHANGED
    between: int = 0
    visits: float = 0.0
    server: str = ""
    cause: str = ""
    takes: tuple[int, ...] = ()
    flush: FlushRequest | None = None
    times: int = 0


def run(
    world: World, delays_ps: Mapping[int, int], more: Ints, *, warm_up: int, operations: int
) -> Ran:
    """Do what :func:`costmodel.cpus.processes.run` does."""
    workers = list(world.setup.workers)
    steps = list(_steps(world))
    causes = [*dict.fromkeys(step.cause for step in steps if step.cause), INTERRUPTED]
    names = dict.fromkeys(step.server for step in steps if step.server)
    visited = {name: [world.server(name, cpu) for cpu in workers] for name in names}
    servers = list({id(server): server for each in visited.values() for server in each}.values())
    numbers = {id(server): number for number, server in enumerate(servers)}
    places = {name: [numbers[id(server)] for server in each] for name, each in visited.items()}
    nowhere, crowd = [0] * len(workers), _crowd(world, servers, causes, warm_up)
    counted = loop.Counted(*(np.zeros(n, np.int64) for n in (operations, len(causes), 6)))
    changes = more.copy()
    changes[0] -= world.outside_ps
    loop.run(
        _arrays(steps, causes, _rows([places.get(s.server, nowhere) for s in steps], len(workers))),
        _flushes(world, steps, places.get("generation")),
        crowd,
        _events(workers, delays_ps),
        changes,
        counted,
    )
    _tell(world, servers, crowd)
    complete, elapsed_ps, finished, wall_ps, rounds, rounds_ps = counted.sums.tolist()
    return Ran(
        took_ps=counted.took,
        operations=complete,
        elapsed_ps=elapsed_ps,
        finished=finished,
        rounds=rounds,
        rounds_ps=rounds_ps,
        wall_ps=wall_ps,
        extra_ps={c: ps for c, ps in zip(causes, counted.extra.tolist(), strict=True) if ps},
        usages=world.usages(),
    )


def _tell(world: World, servers: Sequence[Server], crowd: loop.CrowdState) -> None:
    """Let the shared things of the world know how they were used."""
    for server, usage in zip(servers, _usages(crowd.servers), strict=True):
        server.usage = usage
    if world.locking:
        threads = world.setup.workload.threads
        for process, usage in enumerate(_usages(crowd.locks)):
            world.lock(process * threads).usage = usage
    if world.shootdowns is not None:
        sent = crowd.receivers
        world.shootdowns.usage = Usage(float(sent.visited[0]), int(sent.busy[0]))


def _usages(used: Servers | locks.LockArrays) -> Iterator[Usage]:
    for each in zip(used.visited.tolist(), used.busy.tolist(), used.waited.tolist(), strict=True):
        yield Usage(*each)


def _arrays(steps: Sequence[_Step], causes: Sequence[str], servers: Ints) -> loop.StepTable:
    def ints(name: str) -> Ints:
        return np.array([getattr(step, name) for step in steps], np.int64)

    named = [causes.index(step.cause) if step.cause else loop.UNCHARGED for step in steps]
    return loop.StepTable(
        kinds=ints("kind"),
        amounts=ints("amount_ps"),
        services=ints("service_ps"),
        afters=ints("after_ps"),
        stolen=ints("stolen_ps"),
        passed=ints("passed_ps"),
        shares=np.array([step.share for step in steps]),
        between=ints("between"),
        visits=np.array([step.visits for step in steps]),
        causes=np.array(named),
        servers=servers,
    )


def _flushes(
    world: World, steps: Sequence[_Step], generations: Sequence[int] | None
) -> interrupts.FlushTable:
    """Return what the steps flush; where they do not, nothing of it is read."""
    workers, prices = len(world.setup.workers), world.setup.shootdown
    handlers = [
        prices.handler_ps + prices.flush_ps(step.flush.entries) if prices and step.flush else 0
        for step in steps
    ]
    return interrupts.FlushTable(
        times=np.array([step.times for step in steps]),
        handlers=np.array(handlers),
        frees=np.array([step.flush is not None and step.flush.frees_tables for step in steps]),
        reads=np.full(len(steps), prices is not None and prices.reads_generation),
        lines=_rows([generations or [-1] * workers] * len(steps), workers),
        takes=_rows([step.takes or [step.amount_ps] * workers for step in steps], workers),
    )


def _rows(rows: Sequence[Sequence[int]], workers: int) -> Ints:
    return np.array(rows, np.int64).reshape(-1, workers)


def _crowd(
    world: World, servers: Sequence[Server], causes: Sequence[str], warm_up: int
) -> loop.CrowdState:
    setup, threads = world.setup, world.setup.workload.threads
    workers = np.array(list(setup.workers))
    sockets = np.array([setup.socket(cpu) for cpu in range(setup.online)])
    lines = [(server.line_ps, server.far_line_ps, server.most_waiting) for server in servers]
    growth = np.array([server.growth for server in servers], float)
    return loop.CrowdState(
        loop.Cpus.at_the_start(sockets[workers], len(causes), warm_up),
        Servers.idle(np.array(lines, np.int64).reshape(-1, 3), growth, len(workers)),
        locks.LockArrays.free(workers // threads, threads),
        _receivers(world, workers, sockets),
        _left(world),
    )


def _left(world: World) -> interrupts.LeftArrays:
    setup, p = world.setup, world.setup.shootdown
    moving = world.shootdowns is not None and setup.leaves_cpus
    left, trims = np.full(setup.cpus, NOWHERE), np.zeros(setup.cpus, np.int64)
    prices = np.zeros(4, np.int64)
    if p and moving:
        processes = world.receivers.values()
        left = np.concatenate([each.numbers[each.own :] for each in processes])
        trims = np.repeat([each.trims_ps for each in processes], setup.workload.threads)
        prices[interrupts.TRIM], prices[interrupts.WRITE] = p.mask_trim_ps, p.send_ps
        prices[interrupts.WRITE_CPUS], prices[interrupts.HANDLER] = p.send_cpus, p.handler_ps
    return interrupts.LeftArrays(
        left=left,
        lingering=np.zeros(setup.cpus, np.bool_),
        asks=np.zeros(len(setup.workers), np.bool_),
        trims=trims,
        prices=prices,
        moves=np.array([moving, setup.workload.others != "same"]),
    )


def _receivers(world: World, workers: Ints, sockets: Ints) -> interrupts.ReceiverArrays:
    setup, sending = world.setup, world.shootdowns
    running, prices = np.ones(setup.cpus, np.bool_), (0, 0, 0, 0, 0)
    if sending is not None:
        running = np.concatenate([each.running for each in world.receivers.values()])
        p = sending.prices
        prices = (
            sending.line_ps, sending.far_line_ps, p.delivery_ps, p.far_delivery_ps, p.idle_wake_ps
        )  # fmt: skip
    return interrupts.receivers_of(
        workers, setup.workload.threads, sockets, running, np.array(prices)
    )


def _events(workers: Sequence[int], delays_ps: Mapping[int, int]) -> PendingEvents:
    """Return the first events as SimPy has them: the first CPU comes at once, before all others."""
    times = np.array([delays_ps.get(cpu, 0) for cpu in workers])
    late = [place for place, cpu in enumerate(workers) if cpu in delays_ps]
    late.sort(key=lambda place: (times[place], place))
    return PendingEvents(times, np.arange(len(workers)), np.array([0, *late]))


def _steps(world: World) -> Iterator[_Step]:
    setup = world.setup
    if world.locking:
        yield _Step(loop.LOCK, cause="mmap_lock")
    if world.outside_ps:
        yield _Step(loop.WORK, world.outside_ps)
    yield from _segments(world, setup.operation, setup.shares_of_work, between=0)
    if world.locking:
        yield _Step(loop.UNLOCK)
    yield _Step(loop.OPERATION_END)
    yield from _segments(world, setup.between, setup.shares_between, between=1)


def _segments(
    world: World, segments: Sequence[Segment], shares: Sequence[float], *, between: int
) -> Iterator[_Step]:
    passed_ps = 0
    for segment, share in zip(segments, shares, strict=True):
        passed_ps += segment.work_ps
        yield _Step(loop.WORK, segment.work_ps, share=share, passed_ps=passed_ps, between=between)
        for visit in segment.visits:
            yield _visit(visit.name, visit.held_ps, visit.visits)
        if segment.broadcast_ps:
            yield _broadcast(world, segment)
        if segment.flushes is not None and world.shootdowns is not None:
            yield from _flush(world, segment.flushes, world.shootdowns)


def _visit(name: str, held_ps: int, visits: float) -> _Step:
    return _Step(loop.VISIT, held_ps, held_ps, visits=visits, server=name, cause=name)


def _broadcast(world: World, segment: Segment) -> _Step:
    if not world.setup.shares(INTERCONNECT):
        return _Step(loop.PASS, segment.broadcast_ps)
    turn = world.turn_of(segment)
    return _Step(
        loop.BROADCAST,
        turn.alone_ps,
        turn.service_ps,
        after_ps=segment.broadcast_ps - turn.alone_ps,
        stolen_ps=turn.stolen_ps,
        visits=1.0,
        server=INTERCONNECT,
        cause=INTERCONNECT,
    )


def _flush(world: World, flushes: Flushes, sent: Shootdowns) -> Iterator[_Step]:
    """Yield the steps of :meth:`costmodel.cpus.world.CrowdCpu._flush`."""
    receivers = {cpu: world.receivers_of(cpu) for cpu in world.setup.workers}
    request = flushes.request
    there_ps = [sent.invlpgb_ps(of, cpu, request) for cpu, of in receivers.items()]
    send_ps = [sent.send_ps(of, cpu, request) for cpu, of in receivers.items()]
    for times in bursts(flushes):
        if world.setup.shares("generation"):
            yield _visit("generation", 0, times)
        passes = tuple(times * ps for ps in there_ps if ps is not None)
        if passes:
            yield _Step(loop.PASS, cause="shootdown", takes=passes)
            continue
        sends = tuple(times * ps for ps in send_ps)
        yield _Step(loop.SEND, cause="shootdown", takes=sends, flush=request)
        yield _Step(loop.ANSWERS, cause="shootdown", flush=request, times=times)
