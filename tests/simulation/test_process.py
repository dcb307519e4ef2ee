"""CPUs that do the same at the same time meet at the interconnect."""

import pytest

from costmodel.simulation import Engine, NoiseSizes, Schedule, Stage, Stream, simulate
from costmodel.simulation.engine import undisturbed_ps
from costmodel.simulation.process import QUIET, Disturbance, run_once

STREAM = Stream(seed=1, machine="ampere-altra", scenario="fork")
STORM = Schedule((Stage(layout_ps=1000, broadcast_ps=600, count=50),))


def test_a_lone_cpu_pays_the_latency_and_never_queues() -> None:
    assert run_once(STORM, bus_share=0.8) == 50 * 1600


def test_broadcasts_of_two_cpus_queue_once_and_then_interleave() -> None:
    # Both arrive at 1000; the second waits 100 for its turn. From then on they are out of step.
    first = run_once(STORM, [QUIET, QUIET], bus_share=1 / 6)
    assert first == 50 * 1600


def test_a_saturated_bus_serves_one_cpu_after_another() -> None:
    crowded = run_once(STORM, [QUIET] * 32, bus_share=0.5)
    assert crowded == pytest.approx(50 * 32 * 300, rel=0.05)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 1.0])
def test_time_never_falls_with_more_cpus(share: float) -> None:
    times = [undisturbed_ps(STORM, cpus=n, bus_share=share) for n in (1, 2, 4, 8, 16, 32)]
    assert times == sorted(times)


def test_one_share_explains_the_published_growth_of_1_to_32_cpus() -> None:
    """Table T01, <20230622144210.2623299-15-ryan.roberts@arm.com>, throughput of fork+exit.

    -10.4 % on 1, -15.4 % on 8, -65.8 % on 32 CPUs: the storm costs 0.116, 0.182 and 1.924 times
    what the rest of the operation takes. The 1-CPU row gives the latency, the 32-CPU row the
    share for which it holds the bus; the 8-CPU row is then predicted.
    """
    rest, tables = 10_000, 100
    throughput_pct = {1: -10.4, 8: -15.4, 32: -65.8}
    published = {cpus: 1 / (1 + pct / 100) - 1 for cpus, pct in throughput_pct.items()}
    storm = Schedule((Stage(rest, round(published[1] * rest), count=tables),))
    share = (1 + published[32]) / 32 / published[1]
    assert 0.5 < share < 1
    predicted = {
        cpus: run_once(storm, [QUIET] * cpus, bus_share=share) / (rest * tables) - 1
        for cpus in published
    }
    assert predicted[32] == pytest.approx(published[32], rel=0.02)
    assert published[1] <= predicted[8] <= 2 * published[8]


def test_cpus_without_broadcasts_do_not_disturb_each_other() -> None:
    silent = Schedule((Stage(1000, count=50),))
    assert undisturbed_ps(silent, cpus=16, bus_share=1.0) == silent.total_ps


def test_ticks_during_a_broadcast_are_served_after_it() -> None:
    schedule = Schedule((Stage(0, broadcast_ps=250),))
    tick = Disturbance(tick_period_ps=100, tick_phase_ps=40, tick_ps=10)
    # Ticks at 40, 140 and 240 wait until 250; serving them takes until 280.
    assert run_once(schedule, [tick]) == 280


def test_noise_and_contention_come_together() -> None:
    sizes = NoiseSizes(run_sigma=0.05, tick_period_ps=20_000, tick_ps=500)
    fast, reference = (
        simulate(STORM, sizes, STREAM, runs=3, iterations=4, cpus=4, bus_share=0.9, engine=engine)
        for engine in Engine
    )
    assert (fast > 1.1 * undisturbed_ps(STORM)).all()
    assert (fast == reference).all()


@pytest.mark.parametrize("cpus", [2, 8, 32])
def test_drawing_tables_together_hardly_moves_the_time(cpus: int) -> None:
    storm = Schedule((Stage(60_000), Stage(8_900, 20_000, count=128)))
    exact = run_once(storm, [QUIET] * cpus, bus_share=0.3)
    assert undisturbed_ps(storm, cpus=cpus, bus_share=0.3) == pytest.approx(exact, rel=0.02)
