"""What samples say: a quiet round decides the value, all samples the interval."""

from hypothesis import given
from hypothesis import strategies as st

from costmodel.measure.experiment import Estimate
from costmodel.measure.readings.number import knee

ROUNDS = st.lists(st.lists(st.floats(0.1, 1e6), min_size=1, max_size=9), min_size=1, max_size=6)


@given(ROUNDS)
def test_the_value_lies_in_its_interval(rounds: list[list[float]]) -> None:
    found = Estimate.of(rounds)
    assert found.low <= found.value <= found.high
    assert found.samples == sum(map(len, rounds))


@given(ROUNDS, st.lists(st.floats(1e6, 1e9), min_size=1, max_size=9))
def test_a_disturbed_round_never_changes_the_value(
    rounds: list[list[float]], disturbed: list[float]
) -> None:
    assert Estimate.of([*rounds, disturbed]).value == Estimate.of(rounds).value


def test_one_quiet_round_of_many_gives_the_value_and_the_spread_tells() -> None:
    found = Estimate.of([[10.0, 10.1, 10.0, 10.2], *[[20.0, 21.0, 22.0, 23.0]] * 9])
    assert found.value == 10.0
    assert found.spread > 1.3


def test_a_doubted_estimate_reaches_as_far_down_as_the_median_is_above() -> None:
    found = Estimate(value=20.0, low=18.0, high=40.0, samples=9)
    assert found.doubted() == Estimate(20.0, 9.0, 40.0, 9)


@given(
    st.integers(0, 9),
    st.floats(1, 10),
    st.floats(11, 100),
)
def test_a_knee_stands_where_the_step_is(at: int, fast: float, slow: float) -> None:
    times = {1 << size: fast if size <= at else slow for size in range(12)}
    assert knee(times, fast, slow) == (1 << at, 2 << at)
