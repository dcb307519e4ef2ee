"""The operation of a lone CPU through SimPy: broadcasts and ticks."""

from costmodel.simulation import Engine, NoiseSizes, Stream, simulate
from costmodel.simulation.process import Disturbance, run_once
from costmodel.simulation.schedule import Schedule, Stage

STREAM = Stream(seed=1, machine="ampere-altra", scenario="fork")
STORM = Schedule((Stage(layout_ps=1000, broadcast_ps=600, count=50),))


def test_a_lone_cpu_pays_the_latency_and_never_queues() -> None:
    assert run_once(STORM) == 50 * 1600


def test_ticks_during_a_broadcast_are_served_after_it() -> None:
    schedule = Schedule((Stage(0, broadcast_ps=250),))
    tick = Disturbance(tick_period_ps=100, tick_phase_ps=40, tick_ps=10)
    # Ticks at 40, 140 and 240 wait until 250; serving them takes until 280.
    assert run_once(schedule, tick) == 280


def test_both_engines_meet_the_same_noise() -> None:
    sizes = NoiseSizes(run_sigma=0.05, tick_period_ps=20_000, tick_ps=500)
    fast, reference = (
        simulate(STORM, sizes, STREAM, runs=3, iterations=4, engine=engine) for engine in Engine
    )
    assert (fast == reference).all()
