"""Simulates the noisy times of a lone CPU: in closed form, or through SimPy on request."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from costmodel.simulation import lone_cpu
from costmodel.simulation.noise import Ints, NoiseSizes, RunNoise, Stream, draw_noise
from costmodel.simulation.schedule import Schedule

if TYPE_CHECKING:
    from costmodel.simulation.process import Disturbance

Samples = Ints
"""Elapsed picoseconds, int64[runs, iterations]."""


class Engine(StrEnum):
    """Which of the two implementations computes a time; they agree to the picosecond.

    ``FAST`` is compiled or in closed form, ``REFERENCE`` the plain one that it is tested against.
    """

    FAST = "fast"
    REFERENCE = "reference"


def simulate(
    schedule: Schedule,
    sizes: NoiseSizes,
    stream: Stream,
    *,
    runs: int,
    iterations: int,
    engine: Engine = Engine.FAST,
) -> Samples:
    """Return the elapsed times of a lone CPU in picoseconds, int64[runs, iterations].

    ``sizes`` says how large each cause of noise is, ``stream`` names the random numbers. A lone CPU
    waits for no other, so its time has a closed form (:mod:`costmodel.simulation.lone_cpu`);
    ``engine`` can ask for SimPy instead.
    """
    samples = np.empty((runs, iterations), dtype=np.int64)
    for run in range(runs):
        noise = draw_noise(sizes, stream, run=run, iterations=iterations)
        if engine is Engine.FAST:
            samples[run] = lone_cpu.elapsed_ps(schedule, noise)
        else:
            from costmodel.simulation.process import run_once

            samples[run] = [run_once(schedule, each) for each in _disturbances(schedule, noise)]
    return samples


def _disturbances(schedule: Schedule, noise: RunNoise) -> list[Disturbance]:
    """Return one :class:`Disturbance` per iteration."""
    from costmodel.simulation.process import Disturbance

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
