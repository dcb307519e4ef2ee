"""The closed form and the SimPy process give the same picosecond."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.simulation import Engine, NoiseSizes, Stream, simulate
from costmodel.simulation.engine import elapsed_ps
from costmodel.simulation.noise import RunNoise
from costmodel.simulation.process import Disturbance, run_once
from costmodel.simulation.schedule import Schedule, Stage

STREAM = Stream(seed=1, machine="apple-m2-vm", scenario="fork")


def with_ticks(phase: int, handler: int, period: int = 100) -> RunNoise:
    return RunNoise(
        factor=np.ones(1),
        tick_period_ps=period,
        tick_phase_ps=np.array([phase]),
        tick_ps=np.array([handler]),
        steal_gap_ps=0.0,
        steal_mean_ps=0.0,
        steal_draws=None,
    )


def both(work: int, phase: int, handler: int) -> tuple[int, int]:
    schedule = Schedule((Stage(work),))
    simpy_ps = run_once(
        schedule, Disturbance(tick_period_ps=100, tick_phase_ps=phase, tick_ps=handler)
    )
    return int(elapsed_ps(schedule, with_ticks(phase, handler))[0]), simpy_ps


def test_a_tick_extends_the_operation_by_its_handler() -> None:
    assert both(work=50, phase=20, handler=7) == (57, 57)


def test_a_tick_at_the_last_moment_comes_too_late() -> None:
    assert both(work=50, phase=50, handler=7) == (50, 50)
    assert both(work=50, phase=49, handler=7) == (57, 57)


def test_a_handler_pushes_the_end_into_the_next_tick() -> None:
    # Without ticks done at 90; the tick at 0 takes 20 of it, so the tick at 100 is met as well.
    assert both(work=90, phase=0, handler=20) == (130, 130)


@given(
    work=st.integers(0, 1000),
    phase=st.integers(0, 99),
    handler=st.integers(0, 99),
)
def test_ticks_agree_for_any_numbers(work: int, phase: int, handler: int) -> None:
    fast, reference = both(work, phase, handler)
    assert fast == reference


stages = st.lists(
    st.builds(
        Stage,
        layout_ps=st.integers(0, 300_000),
        broadcast_ps=st.integers(0, 200_000),
        count=st.integers(1, 6),
    ),
    min_size=1,
    max_size=4,
)
sizes = st.builds(
    NoiseSizes,
    run_sigma=st.floats(0, 0.2),
    iteration_sigma=st.floats(0, 0.2),
    tick_period_ps=st.integers(50_000, 10**7),
    tick_ps=st.integers(0, 49_999),
    tick_jitter_ps=st.integers(0, 30_000),
    steal_per_s=st.floats(0, 1e7),
    steal_mean_ps=st.floats(0, 1e5),
)


@settings(max_examples=60, deadline=None)
@given(stages=stages, sizes=sizes, seed=st.integers(0, 2**32))
def test_every_cause_at_once_agrees(stages: list[Stage], sizes: NoiseSizes, seed: int) -> None:
    stream = Stream(seed=seed, machine="m", scenario="s")
    fast, reference = (
        simulate(Schedule(tuple(stages)), sizes, stream, runs=2, iterations=5, engine=engine)
        for engine in Engine
    )
    np.testing.assert_array_equal(fast, reference)


def test_without_noise_every_sample_is_the_sum_of_the_stages() -> None:
    schedule = Schedule((Stage(1000), Stage(10, broadcast_ps=5, count=3)))
    samples = simulate(schedule, NoiseSizes(), STREAM, runs=2, iterations=3)
    assert samples.tolist() == [[1045] * 3] * 2
