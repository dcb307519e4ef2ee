"""What several CPUs at once cost each other: exact times, samples, and who waited for what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from costmodel.arrays import Ints
from costmodel.cpus import processes
from costmodel.cpus.ran import Ran
from costmodel.cpus.resources import Thing, Usage
from costmodel.cpus.setup import Setup
from costmodel.cpus.world import Recorder, World
from costmodel.simulation import Engine
from costmodel.simulation.engine import elapsed_ps
from costmodel.simulation.noise import NoiseSizes, Stream, draw_noise, stable_hash
from costmodel.simulation.schedule import Schedule
from costmodel.units import PS_PER_S

_DRAWS = 24
"""Phases of the CPUs against each other are drawn so often, or more seldom where CPUs are many."""
_WARM_UP = 2
"""Operations of each CPU before anything is counted: queues have their length by then."""
_COUNTED = 3
_COUNTED_VARYING = 60
"""The same where what lies between operations varies, so that queues come and go."""
_SEED = 20231218
_PHASES = stable_hash("phases")
_BETWEEN = stable_hash("between")


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
        """Throughput of all CPUs over that of one alone, ``alone_per_s``."""
        return self.throughput_per_s / self.alone_per_s


def contention(setup: Setup, *, engine: Engine = Engine.FAST) -> Contention:
    """Return the time of an operation without noise, averaged over CPUs and their phases.

    Loops of real CPUs drift against each other, so that their phases are drawn at random; the
    numbers are always the same ones. The fast engine executes events in compiled code, the
    reference engine in SimPy.
    """
    workers = len(setup.workers)
    counted = _COUNTED_VARYING if _variance(setup) else _COUNTED
    quiet = np.zeros((workers, counted), np.int64)
    rans = [
        _run(setup, (_SEED, draw), quiet, counted, engine)
        for draw in range(max(1, _DRAWS // workers))
    ]
    operations = sum(ran.operations for ran in rans)
    # From one end to the next, as the time that counts is no whole number of all CPUs' rounds.
    rounds = sum(ran.rounds for ran in rans)
    rounds_s = sum(ran.rounds_ps for ran in rans) / PS_PER_S
    period_ps = setup.alone_ps + setup.between_ps
    return Contention(
        cpus=setup.cpus,
        workers=workers,
        mean_ps=round(sum(ran.elapsed_ps for ran in rans) / operations),
        alone_ps=setup.alone_ps,
        throughput_per_s=workers * rounds / rounds_s if rounds_s else 0.0,
        alone_per_s=PS_PER_S / period_ps if period_ps else 0.0,
        extra_ps={cause: ps / operations for cause, ps in _extra_ps(rans).items()},
        shared=_shared(rans, setup.cpus),
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
        more = [
            _more_ps(schedule, sizes, stream, run=run, iterations=iterations, cpu=cpu)
            for cpu in setup.workers
        ]
        drawn = (stream.seed, *key, run, _PHASES)
        found[run] = _run(setup, drawn, np.array(more), iterations, engine).took_ps
    return found


def _generator(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _phases(setup: Setup, key: Sequence[int]) -> list[float]:
    """Draw how far into its loop each worker is at the beginning, 0 to 1."""
    phases: list[float] = _generator(*key).random(len(setup.workers)).tolist()
    return phases


def _differences_ps(setup: Setup, key: Sequence[int], operations: int) -> Ints:
    """Draw by how much what lies behind each operation differs, int64[workers, operations].

    Times have a gamma distribution, with a standard deviation of their mean an exponential one; the
    mean of each worker is what it should be, so that throughputs of two strategies compare.
    """
    shape = (len(setup.workers), operations)
    variance = _variance(setup)
    if not variance:
        return np.zeros(shape, np.int64)
    times = _generator(*key, _BETWEEN).gamma(1 / variance, variance, shape)
    times /= times.mean(axis=1, keepdims=True)
    return np.rint(setup.between_ps * (times - 1)).astype(np.int64)


def _variance(setup: Setup) -> float:
    """Return the variance of what lies between operations, in its mean squared; 0 for nothing."""
    return (setup.workload.between_stdev_pct / 100) ** 2 if setup.between_ps else 0.0


def _more_ps(
    schedule: Schedule, sizes: NoiseSizes, stream: Stream, *, run: int, iterations: int, cpu: int
) -> Ints:
    """Return what noise adds to each iteration of a CPU: ticks and steals wait for nobody."""
    noise = draw_noise(sizes, stream, run=run, iterations=iterations, cpu=cpu)
    return elapsed_ps(schedule, noise) - schedule.total_ps


def recorded(setup: Setup, record: Recorder, *, operations: int) -> int:
    """Simulate until the first CPU has done some operations; return the time, in picoseconds."""
    world = World(setup, record=record)
    key, quiet = (_SEED, 0), np.zeros((len(setup.workers), operations), np.int64)
    changes = np.stack([quiet, _differences_ps(setup, key, operations)])
    delays_ps = _delays_ps(setup, _phases(setup, key))
    return processes.run(world, delays_ps, changes, warm_up=0, operations=operations).wall_ps


def _run(setup: Setup, key: Sequence[int], more: Ints, operations: int, engine: Engine) -> Ran:
    """Simulate once, warm-up first; ``more`` int64[workers, n] is what noise adds.

    Everything else that is drawn follows from the key: a seed and more.
    """
    world, delays_ps = World(setup), _delays_ps(setup, _phases(setup, key))
    changes = np.stack([more, _differences_ps(setup, key, more.shape[1])])
    if engine is Engine.REFERENCE:
        return processes.run(world, delays_ps, changes, warm_up=_WARM_UP, operations=operations)
    from costmodel.cpus import steps

    return steps.run(world, delays_ps, changes, warm_up=_WARM_UP, operations=operations)


def _delays_ps(setup: Setup, phases: Sequence[float]) -> dict[int, int]:
    """Return when each worker but the first begins; none does where an operation takes no time."""
    period_ps = setup.alone_ps + setup.between_ps
    if not period_ps:
        return {}
    workers = list(setup.workers)[1:]
    return {n: int(phase * period_ps) for n, phase in zip(workers, phases[1:], strict=True)}


def _extra_ps(rans: Sequence[Ran]) -> dict[str, int]:
    """Return what others cost the operations of all simulations together, by cause."""
    found: dict[str, int] = {}
    for ran in rans:
        for cause, ps in ran.extra_ps.items():
            found[cause] = found.get(cause, 0) + ps
    return found


def _shared(rans: Sequence[Ran], cpus: int) -> dict[str, SharedUse]:
    """Return how each kind of shared things was used in all simulations together."""
    usages: dict[Thing, Usage] = {}
    for ran in rans:
        for thing, usage in ran.usages.items():
            usages[thing] = usages.get(thing, Usage()) + usage
    by_name: dict[str, list[Usage]] = {}
    for thing, usage in usages.items():
        by_name.setdefault(thing.name, []).append(usage)
    extra_ps, all_wall_ps = _extra_ps(rans), sum(ran.wall_ps for ran in rans)
    operations, finished = (sum(ran.operations for ran in rans), sum(ran.finished for ran in rans))
    found = {}
    for name, each in by_name.items():
        # Handlers run on all CPUs at the same time: what is in use is one of them.
        wall_ps = max(1, all_wall_ps) * (cpus if name == "shootdown" else 1)
        found[name] = SharedUse(
            waiting_ns=extra_ps.get(name, 0) / operations / 1000,
            queue=max(usage.waited_ps for usage in each) / wall_ps,
            # A visit that is under way at the end may end behind it.
            utilisation=min(1.0, max(usage.busy_ps for usage in each) / wall_ps),
            visits_per_operation=sum(usage.visits for usage in each) / max(1, finished),
        )
    return found
