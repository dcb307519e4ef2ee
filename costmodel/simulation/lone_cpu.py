"""The time of a lone CPU in closed form, for all iterations of a run at once.

It equals that of the SimPy process in :mod:`costmodel.simulation.process`, which tests check.
"""

from __future__ import annotations

from costmodel.simulation.noise import Ints, RunNoise
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
