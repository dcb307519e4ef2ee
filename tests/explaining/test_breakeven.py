"""At a break-even two strategies cost the same; where there is none, there is none."""

from __future__ import annotations

import pytest

from costmodel.config.errors import ConfigError
from costmodel.explaining.axes import axis_of
from costmodel.explaining.breakeven import break_even, doubt_at, excess_of
from tests.explaining.explained_cells import pair


@pytest.mark.parametrize(
    ("strategy", "baseline", "key"),
    [
        ("contpte-folio-batch-no-hint", "v6.7", "atomics.line_change_cycles"),
        ("contpte-folio-batch-no-hint", "v6.7", "atomics.store_only_cycles"),
    ],
)
def test_the_costs_are_equal_at_the_crossing(strategy: str, baseline: str, key: str) -> None:
    cells = pair("ampere-altra", strategy, baseline, order=4)
    axis = axis_of(key, cells)
    answer = break_even(cells, axis)
    assert answer.crossing is not None
    assert abs(excess_of(axis.apply(cells, answer.crossing.x))) < 2e-3
    low, high = answer.crossing.low, answer.crossing.high
    assert low is None or low <= answer.crossing.x
    assert high is None or high >= answer.crossing.x
    before = axis.apply(cells, 0.8 * answer.crossing.x)
    behind = axis.apply(cells, 1.25 * answer.crossing.x)
    assert (excess_of(before) > 0) != (excess_of(behind) > 0)
    assert (excess_of(behind) <= 0) == answer.crossing.wins_above


def test_a_whole_number_is_the_first_on_the_other_side() -> None:
    cells = pair("xeon-4210r", "folio-batch-v6.9", order=0)
    axis = axis_of("folio_order", cells)
    answer = break_even(cells, axis)
    assert answer.crossing is not None and answer.crossing.wins_above
    excess = {point.x: point.excess for point in answer.points}
    before = max(x for x in excess if x < answer.crossing.x)
    assert excess[answer.crossing.x] <= 0 < excess[before]
    assert 1.0 not in excess  # anonymous memory has no folios of order 1


def test_whole_numbers_with_a_gap() -> None:
    axis = axis_of("folio_order", pair("xeon-4210r", "v6.7", order=0))
    assert [axis.between(0, high) for high in (1, 2, 3, 4, 9)] == [None, None, 2, 2, 4]
    assert [axis.whole(x) for x in (0.2, 0.6, 1.4, 1.6, 8.9)] == [0, 2, 2, 2, 9]


def test_exchanging_the_two_moves_no_crossing() -> None:
    cells = pair("xeon-4210r", "folio-batch-v6.9", order=0)
    axis = axis_of("folio_order", cells)
    one, other = break_even(cells, axis), break_even(cells[::-1], axis)
    assert one.crossing is not None and other.crossing is not None
    assert one.crossing.x == other.crossing.x
    assert one.crossing.wins_above != other.crossing.wins_above


def test_a_share_of_large_folios() -> None:
    cells = pair("xeon-4210r", "folio-scan-v3", order=0)
    axis = axis_of("folio_share", cells, large_order=9)
    answer = break_even(cells, axis)
    assert answer.crossing is not None
    assert 0 < answer.crossing.x < 1
    assert abs(excess_of(axis.apply(cells, answer.crossing.x))) < 5e-3


def test_holes_leave_less_to_gain_by_batches() -> None:
    cells = pair("xeon-4210r", "folio-batch-v6.9", order=4)
    axis = axis_of("holes", cells)
    gains = [excess_of(axis.apply(cells, share)) for share in (0.0, 0.5, 0.9)]
    assert gains == sorted(gains) and gains[-1] < 0
    assert axis.now == 0 and axis.bounds == (0, 0.99) and axis.short(0.5) == "50%"


def test_a_strategy_against_itself_never_crosses() -> None:
    cells = pair("xeon-4210r", "v6.7", order=0)
    answer = break_even(cells, axis_of("atomics.locked_cycles", cells))
    assert answer.crossing is None and not answer.has_effect
    assert {point.excess for point in answer.points} == {0.0} and answer.is_tie
    assert doubt_at(cells).half_width == 0.0


def test_hairs_do_not_cross() -> None:
    """At order 0 the two differ by millionths, now this way, now that way."""
    cells = pair("apple-m2-vm", "folio-batch-v6.9", "v6.7", order=0)
    answer = break_even(cells, axis_of("caches.l1.latency_cycles", cells))
    assert len({point.excess > 0 for point in answer.points}) == 2
    assert answer.crossing is None


def test_no_number_decides_what_it_does_not_touch() -> None:
    cells = pair("xeon-4210r", "folio-batch-v6.9")
    answer = break_even(cells, axis_of("noise.iteration_pct", cells))
    assert answer.crossing is None and not answer.has_effect


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("tlbi.brodcast_ns", "did you mean 'tlbi.broadcast_ns'?"),
        ("ampere-altra.tlbi.nothing", "--over: unknown key"),
        ("vmas", "--over: vmas: only costmodel sweep varies it; here: folio_order, "),
        ("atomics.far", "is no number"),
        ("caches.l1.replacement", "is no number"),
    ],
)
def test_only_numbers_that_exist_can_vary(key: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace("?", r"\?")):
        axis_of(key, pair("ampere-altra", "folio-batch-v6.9"))


def test_impossible_values_are_left_out() -> None:
    cells = pair("ampere-altra", "folio-batch-v6.9")
    answer = break_even(cells, axis_of("caches.dram.latency_ns", cells))
    llc = cells[0].machine.caches.llc.latency_ns.value
    assert min(point.x for point in answer.points) > llc


@pytest.mark.parametrize("key", ["memory", "cpus", "kernel.linear_map_bytes", "core.rob_entries"])
def test_grids_ascend_and_hold_the_present_value(key: str) -> None:
    axis = axis_of(key, pair("ampere-altra", "folio-batch-v6.9"))
    assert list(axis.grid) == sorted(set(axis.grid))
    assert axis.now in axis.grid
