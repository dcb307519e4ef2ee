"""Simulates the noisy times of a lone CPU: in closed form, or through SimPy on request."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from costmodel.arrays import Ints
from costmodel.simulation.noise import NoiseSizes, RunNoise, Stream, draw_noise

if TYPE_CHECKING:
    from costmodel.simulation.process import Disturbance
    from costmodel.simulation.schedule import Schedule


def elapsed_ps(schedule: Schedule, noise: RunNoise) -> Ints:
    """Return the elapsed time of each iteration of one run in picoseconds, int64[n].

    Work, stolen time and tick handlers share one CPU that is never idle, so the elapsed time is
    the busy period that the work starts: it ends at the first moment by which the work, all steals
    and every tick *before* that moment have been served, in whichever order they were.
    """
    work = schedule.work_ps(noise.factor)
    _, stolen = noise.steals(work)
    demand = work + stolen.sum(axis=1)
    elapsed: Ints = demand + tick_count(demand, noise) * noise.tick_ps
    return elapsed


def tick_count(demand_ps: Ints, noise: RunNoise) -> Ints:
    """Return the number of ticks that each busy period meets, int64[n].

    With phase p, period P and handler time h, the n-th tick (from 0) falls at p + n P. The busy
    period ends at D + n h for the smallest n with p + n P >= D + n h.
    """
    if not noise.tick_period_ps:
        return demand_ps * 0
    gained = noise.tick_period_ps - noise.tick_ps
    waiting = demand_ps - noise.tick_phase_ps
    counts: Ints = (-(-waiting // gained)).clip(min=0)
    return counts


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
    waits for no other, so its time has a closed form;
    ``engine`` can ask for SimPy instead.
    """
    samples = np.empty((runs, iterations), dtype=np.int64)
    for run in range(runs):
        noise = draw_noise(sizes, stream, run=run, iterations=iterations)
        if engine is Engine.FAST:
            samples[run] = elapsed_ps(schedule, noise)
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
