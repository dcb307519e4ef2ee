"""Computes what several CPUs cost each other: exact times, samples, and what they wait for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from costmodel.cpus import processes
from costmodel.cpus.ran import Ran
from costmodel.cpus.resources import Thing, Usage
from costmodel.cpus.setup import Setup
from costmodel.cpus.world import Recorder, World
from costmodel.simulation import Engine, lone_cpu
from costmodel.simulation.noise import Ints, NoiseSizes, Stream, draw_noise, stable_hash
from costmodel.simulation.schedule import Schedule
from costmodel.units import PS_PER_S

_DRAWS = 24
"""How often the phases of the CPUs against each other are drawn; less often for many CPUs."""
_WARM_UP = 2
"""How many operations of the first CPU pass before anything counts; queues are long by then."""
_COUNTED = 3
_SEED = 20231218
_PHASES = stable_hash("phases")


@dataclass(frozen=True)
class SharedUse:
    """How a shared thing is used; of several of one kind, the busiest counts.

    ``waiting_ns`` is the time that it costs a CPU per operation beyond that of a lone CPU,
    transfers of cache lines included. ``queue`` is how many CPUs wait for it, on average.
    ``utilisation`` is the share of the time in which it is in use; for ``shootdown`` it is the
    share that a CPU spends in handlers. ``visits_per_operation`` is how often an operation uses it.
    """

    waiting_ns: float
    queue: float
    utilisation: float
    visits_per_operation: float


@dataclass(frozen=True)
class Contention:
    """How the CPUs of a cell wait for each other, without noise.

    ``cpus`` is the number of CPUs in use, ``workers`` of those that execute the operation.
    ``mean_ps`` is the mean time of an operation on a CPU, ``alone_ps`` its time on a CPU that waits
    for no other. ``throughput_per_s`` and ``alone_per_s`` are operations per second of all CPUs,
    and of one CPU that waits for no other. ``extra_ps`` splits the difference of the times by
    cause.
    """

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
        """The throughput of all CPUs divided by that of one which waits for no other."""
        return self.throughput_per_s / self.alone_per_s


def contention(setup: Setup, *, engine: Engine = Engine.FAST) -> Contention:
    """Return the time of an operation without noise, averaged over the CPUs and their phases.

    The loops of real CPUs drift against each other, so their phases are drawn at random, always by
    the same random numbers. The fast engine executes events in compiled code where CPUs wait for
    each other at servers only; the reference engine executes all of them in SimPy.
    """
    workers = len(setup.workers)
    quiet = np.zeros((workers, 1), np.int64)
    rans = [
        _run(setup, _phases(setup, _SEED, draw), quiet, _COUNTED, engine)
        for draw in range(max(1, _DRAWS // workers))
    ]
    operations = sum(ran.operations for ran in rans)
    wall_s = sum(ran.wall_ps for ran in rans) / PS_PER_S
    period_ps = setup.alone_ps + setup.between_ps
    return Contention(
        cpus=setup.cpus,
        workers=workers,
        mean_ps=round(sum(ran.elapsed_ps for ran in rans) / operations),
        alone_ps=setup.alone_ps,
        throughput_per_s=sum(ran.finished for ran in rans) / wall_s if wall_s else 0.0,
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
    """Return times of the first CPU under noise in picoseconds, int64[runs, iterations].

    Each run is one simulation, in which all CPUs go on until the first one has done its iterations.
    """
    found = np.empty((runs, iterations), dtype=np.int64)
    key = (stable_hash(stream.machine), stable_hash(stream.scenario))
    for run in range(runs):
        more = [
            _more_ps(schedule, sizes, stream, run=run, iterations=iterations, cpu=cpu)
            for cpu in setup.workers
        ]
        phases = _phases(setup, stream.seed, *key, run, _PHASES)
        found[run] = _run(setup, phases, np.array(more), iterations, engine).took_ps
    return found


def _phases(setup: Setup, seed: int, *key: int) -> list[float]:
    """Return random numbers from 0 to 1: how far into its loop each worker is at the beginning."""
    generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
    phases: list[float] = generator.random(len(setup.workers)).tolist()
    return phases


def _more_ps(
    schedule: Schedule, sizes: NoiseSizes, stream: Stream, *, run: int, iterations: int, cpu: int
) -> Ints:
    """Return the picoseconds that noise adds to each iteration of a CPU, int64[iterations]."""
    noise = draw_noise(sizes, stream, run=run, iterations=iterations, cpu=cpu)
    return lone_cpu.elapsed_ps(schedule, noise) - schedule.total_ps


def recorded(setup: Setup, record: Recorder, *, operations: int) -> int:
    """Simulate ``operations`` operations of the first CPU; return the time in picoseconds.

    ``record`` is called for everything that a CPU does.
    """
    world = World(setup, record=record)
    delays_ps = _delays_ps(setup, _phases(setup, _SEED, 0))
    quiet = np.zeros((len(setup.workers), 1), np.int64)
    return processes.run(world, delays_ps, quiet, warm_up=0, operations=operations).wall_ps


def _run(setup: Setup, phases: Sequence[float], more: Ints, operations: int, engine: Engine) -> Ran:
    """Simulate once, with a warm-up; ``more``, int64[workers, n], is what noise adds in ps."""
    world, delays_ps = World(setup), _delays_ps(setup, phases)
    if world.serves_only and engine is Engine.FAST:
        from costmodel.cpus import steps

        return steps.run(world, delays_ps, more, warm_up=_WARM_UP, operations=operations)
    return processes.run(world, delays_ps, more, warm_up=_WARM_UP, operations=operations)


def _delays_ps(setup: Setup, phases: Sequence[float]) -> dict[int, int]:
    """Return when each worker but the first begins; empty where an operation takes no time."""
    period_ps = setup.alone_ps + setup.between_ps
    if not period_ps:
        return {}
    workers = list(setup.workers)[1:]
    return {n: int(phase * period_ps) for n, phase in zip(workers, phases[1:], strict=True)}


def _extra_ps(rans: Sequence[Ran]) -> dict[str, int]:
    """Return the sum of what others cost the operations of all simulations, in ps by cause."""
    found: dict[str, int] = {}
    for ran in rans:
        for cause, ps in ran.extra_ps.items():
            found[cause] = found.get(cause, 0) + ps
    return found


def _shared(rans: Sequence[Ran], cpus: int) -> dict[str, SharedUse]:
    """Return how each kind of shared thing was used, over all simulations together."""
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
            utilisation=max(usage.busy_ps for usage in each) / wall_ps,
            visits_per_operation=sum(usage.visits for usage in each) / max(1, finished),
        )
    return found
