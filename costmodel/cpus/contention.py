"""What several CPUs at once cost each other: exact times, samples, and who waited for what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from costmodel.cpus.resources import Events, Usage
from costmodel.cpus.setup import Setup
from costmodel.cpus.world import CrowdCpu, Recorder, World
from costmodel.simulation import Engine, lone_cpu
from costmodel.simulation.noise import Ints, NoiseSizes, Stream, draw_noise, stable_hash
from costmodel.simulation.schedule import Schedule
from costmodel.units import PS_PER_S

if TYPE_CHECKING:
    from costmodel.cpus.steps import Ran

_DRAWS = 24
"""Phases of the CPUs against each other are drawn so often, or more seldom where CPUs are many."""
_WARM_UP = 2
"""Operations of each CPU before anything is counted: queues have their length by then."""
_COUNTED = 3
_SEED = 20231218
_PHASES = stable_hash("phases")


@dataclass(frozen=True)
class SharedUse:
    """How one shared thing is used: of several of a kind, the busiest counts.

    ``waiting_ns``: what it costs a CPU per operation beyond the price of a lone CPU, transfers of
    lines included. ``queue``: CPUs that wait for it, on average. ``utilisation``: share of the time
    in which it is in use; of ``shootdown`` the share that a CPU spends in handlers.
    """

    waiting_ns: float
    queue: float
    utilisation: float
    visits_per_operation: float


@dataclass(frozen=True)
class Contention:
    """What CPUs share in one cell, without noise; times are of one operation on one CPU."""

    cpus: int
    workers: int
    mean_ps: int
    alone_ps: int
    throughput_per_s: float
    alone_per_s: float
    extra_ps: Mapping[str, float]
    shared: Mapping[str, SharedUse]

    @property
    def speedup(self) -> float:
        """Throughput of all CPUs over that of one alone."""
        return self.throughput_per_s / self.alone_per_s


@dataclass
class _Counted:
    """Sums over the operations that count."""

    counting: bool = False
    """Whether those of now do: the first CPU is warm."""
    operations: int = 0
    elapsed_ps: int = 0
    extra_ps: dict[str, int] = field(default_factory=dict)
    wall_ps: int = 0
    usages: dict[str, list[Usage]] = field(default_factory=dict)
    finished: int = 0


def contention(setup: Setup, *, engine: Engine = Engine.FAST) -> Contention:
    """Return the time of an operation without noise, averaged over CPUs and their phases.

    Loops of real CPUs drift against each other, so that their phases are drawn at random; the
    numbers are always the same ones. The fast engine executes events in compiled code where CPUs
    meet nowhere but at servers, the reference engine all of them in SimPy.
    """
    total = _Counted()
    workers = len(setup.workers)
    for draw in range(max(1, _DRAWS // workers)):
        _count(setup, _phases(setup, _SEED, draw), total, engine)
    wall_s = total.wall_ps / PS_PER_S
    period_ps = setup.alone_ps + setup.between_ps
    return Contention(
        cpus=setup.cpus,
        workers=workers,
        mean_ps=round(total.elapsed_ps / total.operations),
        alone_ps=setup.alone_ps,
        throughput_per_s=total.finished / wall_s if wall_s else 0.0,
        alone_per_s=PS_PER_S / period_ps if period_ps else 0.0,
        extra_ps={cause: ps / total.operations for cause, ps in total.extra_ps.items()},
        shared=_shared(total, setup.cpus),
    )


def samples(
    setup: Setup,
    schedule: Schedule,
    sizes: NoiseSizes,
    stream: Stream,
    *,
    runs: int,
    iterations: int,
    engine: Engine = Engine.FAST,
) -> Ints:
    """Return ``runs`` x ``iterations`` times of the first CPU under noise, in picoseconds.

    Each run is one simulation in which all CPUs go on until the first has done its iterations.
    """
    found = np.empty((runs, iterations), dtype=np.int64)
    key = (stable_hash(stream.machine), stable_hash(stream.scenario))
    for run in range(runs):
        more = {
            cpu: _more_ps(schedule, sizes, stream, run=run, iterations=iterations, cpu=cpu)
            for cpu in setup.workers
        }
        phases = _phases(setup, stream.seed, *key, run, _PHASES)
        found[run] = _first(setup, phases, more, iterations, engine)
    return found


def _phases(setup: Setup, seed: int, *key: int) -> list[float]:
    """Draw how far into its loop each worker is at the beginning, 0 to 1."""
    generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
    phases: list[float] = generator.random(len(setup.workers)).tolist()
    return phases


def _more_ps(
    schedule: Schedule, sizes: NoiseSizes, stream: Stream, *, run: int, iterations: int, cpu: int
) -> list[int]:
    """Return what noise adds to each iteration of a CPU: ticks and steals wait for nobody."""
    noise = draw_noise(sizes, stream, run=run, iterations=iterations, cpu=cpu)
    more: list[int] = (lone_cpu.elapsed_ps(schedule, noise) - schedule.total_ps).tolist()
    return more


def recorded(setup: Setup, record: Recorder, *, operations: int) -> int:
    """Simulate until the first CPU has done some operations; return the time, in picoseconds."""
    world = World(setup, record=record)
    cpus = _start(world, _phases(setup, _SEED, 0), _endless)
    first = world.env.process(_several(cpus[0], operations))
    world.env.run(until=first)
    return int(world.env.now)


def _several(cpu: CrowdCpu, operations: int) -> Events:
    for _ in range(operations):
        yield from cpu.operate()
        yield from cpu.between()


def _endless(cpu: CrowdCpu) -> Events:
    while True:
        yield from cpu.operate()
        yield from cpu.between()


def _start(
    world: World, phases: Sequence[float], loop: Callable[[CrowdCpu], Events]
) -> dict[int, CrowdCpu]:
    """Start every worker but the first in the middle of its loop; return all of them."""
    cpus = {number: CrowdCpu(world, number) for number in world.setup.workers}
    for number, delay_ps in _delays_ps(world.setup, phases).items():
        world.env.process(_late(cpus[number], delay_ps, loop))
    return cpus


def _delays_ps(setup: Setup, phases: Sequence[float]) -> dict[int, int]:
    """Return when each worker but the first begins; none does where an operation takes no time."""
    period_ps = setup.alone_ps + setup.between_ps
    if not period_ps:
        return {}
    workers = list(setup.workers)[1:]
    return {n: int(phase * period_ps) for n, phase in zip(workers, phases[1:], strict=True)}


def _late(cpu: CrowdCpu, after_ps: int, loop: Callable[[CrowdCpu], Events]) -> Events:
    yield cpu.env.timeout(after_ps)
    yield from loop(cpu)


def _first(
    setup: Setup,
    phases: Sequence[float],
    more: Mapping[int, Sequence[int]],
    iterations: int,
    engine: Engine,
) -> Sequence[int]:
    """Return the times of the first CPU; all others go on as long as it does."""
    world = World(setup)
    if world.serves_only and engine is Engine.FAST:
        from costmodel.cpus import steps

        rows, delays_ps = np.array(list(more.values())), _delays_ps(setup, phases)
        ran = steps.run(world, delays_ps, rows, warm_up=_WARM_UP, operations=iterations)
        found: list[int] = ran.took_ps.tolist()
        return found
    took: list[int] = []

    def loop(cpu: CrowdCpu) -> Events:
        """Go on for ever under the noise of this CPU."""
        mine, number = more[cpu.number], 0
        while True:
            yield from cpu.operate(mine[number % iterations])
            yield from cpu.between()
            number += 1

    def first(cpu: CrowdCpu) -> Events:
        """Warm up, then note how long each iteration takes."""
        for number in range(-_WARM_UP, iterations):
            began = int(cpu.env.now)
            yield from cpu.operate(more[cpu.number][number % iterations])
            if number >= 0:
                took.append(int(cpu.env.now) - began)
            yield from cpu.between()

    cpus = _start(world, phases, loop)
    world.env.run(until=world.env.process(first(cpus[0])))
    return took


def _count(setup: Setup, phases: Sequence[float], total: _Counted, engine: Engine) -> None:
    """Simulate once; add what happened after the first CPU's warm-up."""
    world = World(setup)
    if world.serves_only and engine is Engine.FAST:
        from costmodel.cpus import steps

        none, delays_ps = np.zeros((len(setup.workers), 1), np.int64), _delays_ps(setup, phases)
        _add_ran(total, steps.run(world, delays_ps, none, warm_up=_WARM_UP, operations=_COUNTED))
        return
    total.counting = False

    def counted(cpu: CrowdCpu) -> Events:
        """Execute one operation and count it, if it lies in the counted time as a whole."""
        began, here = int(cpu.env.now), total.counting
        before = dict(cpu.extra_ps)
        yield from cpu.operate()
        if total.counting:
            total.finished += 1
        if here:
            total.operations += 1
            total.elapsed_ps += int(cpu.env.now) - began
            for cause, ps in cpu.extra_ps.items():
                change = ps - before.get(cause, 0)
                total.extra_ps[cause] = total.extra_ps.get(cause, 0) + change
        yield from cpu.between()

    def loop(cpu: CrowdCpu) -> Events:
        """Go on for ever."""
        while True:
            yield from counted(cpu)

    def first(cpu: CrowdCpu) -> Events:
        """Warm up, then let all CPUs count for as long as some operations take."""
        for _ in range(_WARM_UP):
            yield from counted(cpu)
        began_ps, before = int(cpu.env.now), _snapshot(world)
        total.counting = True
        for _ in range(_COUNTED):
            yield from counted(cpu)
        total.counting = False
        total.wall_ps += int(cpu.env.now) - began_ps
        _add(total, world.usages(), before)

    cpus = _start(world, phases, loop)
    world.env.run(until=world.env.process(first(cpus[0])))


def _snapshot(world: World) -> dict[str, list[Usage]]:
    return {name: [replace(usage) for usage in each] for name, each in world.usages().items()}


def _add_ran(total: _Counted, ran: Ran) -> None:
    total.operations += ran.operations
    total.elapsed_ps += ran.elapsed_ps
    total.finished += ran.finished
    total.wall_ps += ran.wall_ps
    for cause, ps in ran.extra_ps.items():
        total.extra_ps[cause] = total.extra_ps.get(cause, 0) + ps
    _add(total, ran.usages, {})


def _add(
    total: _Counted, usages: Mapping[str, list[Usage]], before: Mapping[str, list[Usage]]
) -> None:
    for name, each in usages.items():
        old = before.get(name, [])
        sums = total.usages.setdefault(name, [])
        for place, now in enumerate(each):
            was = old[place] if place < len(old) else Usage()
            if place >= len(sums):
                sums.append(Usage())
            sums[place].visits += now.visits - was.visits
            sums[place].busy_ps += now.busy_ps - was.busy_ps
            sums[place].waited_ps += now.waited_ps - was.waited_ps


def _shared(total: _Counted, cpus: int) -> dict[str, SharedUse]:
    found = {}
    for name, usages in total.usages.items():
        # Handlers run on all CPUs at the same time: what is in use is one of them.
        wall_ps = max(1, total.wall_ps) * (cpus if name == "shootdown" else 1)
        found[name] = SharedUse(
            waiting_ns=total.extra_ps.get(name, 0) / total.operations / 1000,
            queue=max(usage.waited_ps for usage in usages) / wall_ps,
            utilisation=max(usage.busy_ps for usage in usages) / wall_ps,
            visits_per_operation=sum(u.visits for u in usages) / max(1, total.finished),
        )
    return found
