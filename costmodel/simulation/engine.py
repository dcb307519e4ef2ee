"""Samples of a cell: closed form for a lone CPU, SimPy where CPUs meet or on request."""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from costmodel.simulation import lone_cpu
from costmodel.simulation.noise import Ints, NoiseSizes, RunNoise, Stream, draw_noise
from costmodel.simulation.process import QUIET, Disturbance, run_once
from costmodel.simulation.schedule import Schedule

Samples = Ints
"""Elapsed picoseconds, int64[runs, iterations]."""


class Engine(StrEnum):
    """Which of the two implementations answers. They agree to the picosecond."""

    FAST = "fast"
    REFERENCE = "reference"


def simulate(
    schedule: Schedule,
    sizes: NoiseSizes,
    stream: Stream,
    *,
    runs: int,
    iterations: int,
    cpus: int = 1,
    bus_share: float = 0.0,
    engine: Engine = Engine.FAST,
) -> Samples:
    """Return ``runs`` x ``iterations`` elapsed times of the first CPU, in picoseconds.

    ``cpus`` execute the operation at the same time; a broadcast TLB invalidation occupies the
    interconnect for ``bus_share`` of its time. A lone CPU meets nobody, so its time has a closed
    form (:mod:`costmodel.simulation.lone_cpu`), unless ``engine`` asks for SimPy.
    """
    if cpus > 1:
        schedule = schedule.coarse()
    samples = np.empty((runs, iterations), dtype=np.int64)
    for run in range(runs):
        noises = [
            draw_noise(sizes, stream, run=run, iterations=iterations, cpu=cpu)
            for cpu in range(cpus)
        ]
        if cpus == 1 and engine is Engine.FAST:
            samples[run] = lone_cpu.elapsed_ps(schedule, noises[0])
        else:
            samples[run] = _through_simpy(schedule, noises, iterations, bus_share)
    return samples


def undisturbed_ps(schedule: Schedule, *, cpus: int = 1, bus_share: float = 0.0) -> int:
    """Return the time of the first CPU without noise, in picoseconds."""
    if cpus == 1:
        return schedule.total_ps
    return run_once(schedule.coarse(), [QUIET] * cpus, bus_share=bus_share)


def _through_simpy(
    schedule: Schedule, noises: list[RunNoise], iterations: int, bus_share: float
) -> list[int]:
    per_cpu = [_disturbances(schedule, noise) for noise in noises]
    return [
        run_once(schedule, [cpu[i] for cpu in per_cpu], bus_share=bus_share)
        for i in range(iterations)
    ]


def _disturbances(schedule: Schedule, noise: RunNoise) -> list[Disturbance]:
    """Return one :class:`Disturbance` per iteration."""
    work = schedule.work_ps(noise.factor)
    when, took = noise.steals(work)
    return [
        Disturbance(
            factor=float(noise.factor[i]),
            tick_period_ps=noise.tick_period_ps,
            tick_phase_ps=int(noise.tick_phase_ps[i]),
            tick_ps=int(noise.tick_ps[i]),
            steals=[
                (int(at), int(length))
                for at, length in zip(when[i], took[i], strict=True)
                if at < work[i]
            ],
        )
        for i in range(len(work))
    ]
