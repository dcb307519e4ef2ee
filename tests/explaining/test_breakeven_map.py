"""A map over two numbers: rows are break-evens over one, its line has no winner."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from costmodel.config.errors import ConfigError
from costmodel.explaining.axes import Axis, Pair, axis_of
from costmodel.explaining.breakeven import break_even, doubt_at, excess_of
from costmodel.explaining.breakeven_map import BreakevenMap, break_even_map, value_between
from costmodel.results.text.breakeven_map import map_sentence, map_text
from tests.explaining.explained_cells import pair

LINE, STORE = "atomics.line_change_cycles", "atomics.store_only_cycles"


def on(key: str, cells: Pair, *values: float) -> Axis:
    axis = axis_of(key, cells)
    return replace(axis, grid=values) if values else axis


def at(found: BreakevenMap, cells: Pair, x: float, y: float) -> Pair:
    return found.x.apply(found.y.apply(cells, y), x)


@pytest.fixture(scope="module")
def cells() -> Pair:
    return pair("ampere-altra", "contpte-folio-batch-no-hint", order=4)


@pytest.fixture(scope="module")
def found(cells: Pair) -> BreakevenMap:
    return break_even_map(cells, axis_of(LINE, cells), axis_of(STORE, cells))


def test_every_point_is_the_cost_of_the_machine_with_both_numbers(
    cells: Pair, found: BreakevenMap
) -> None:
    for row, column in ((0, 0), (3, 9), (12, 12)):
        x, y = found.x.grid[column], found.y.grid[row]
        assert found.excess[row, column] == excess_of(at(found, cells, x, y))
    assert found.now == excess_of(cells)


def test_the_line_runs_where_both_cost_the_same(cells: Pair, found: BreakevenMap) -> None:
    (line,) = found.contour()
    for x, y in line[:: max(1, len(line) // 6)]:
        assert abs(excess_of(at(found, cells, x, y))) < 0.05


def test_a_row_is_the_break_even_over_one_number(cells: Pair, found: BreakevenMap) -> None:
    alone = break_even(cells, axis_of(LINE, cells)).crossing
    assert found.y.now is not None and alone is not None
    (crossing,) = found.crossings(found.y.grid.index(found.y.now))
    assert crossing.x == pytest.approx(alone.x, rel=0.02)
    assert crossing.wins_above == alone.wins_above
    assert alone.low is not None and alone.high is not None
    assert crossing.low == pytest.approx(alone.low, rel=0.1)
    assert crossing.high == pytest.approx(alone.high, rel=0.1)


def test_the_band_is_where_the_model_is_not_sure(cells: Pair, found: BreakevenMap) -> None:
    for row, column in np.argwhere(np.abs(found.margin) < 1)[:3]:
        here = at(found, cells, found.x.grid[column], found.y.grid[row])
        assert abs(excess_of(here)) < doubt_at(here).half_width
    wins, uncertain, loses = found.counts
    assert min(wins, uncertain, loses) > 0
    assert wins + uncertain + loses + found.same == found.excess.size


def test_where_nobody_looked_the_winner_is_certain(cells: Pair, found: BreakevenMap) -> None:
    """Beyond points where it is certain, it stays so."""
    row, column = np.argwhere(np.isnan(found.half_width))[0]
    here = at(found, cells, found.x.grid[column], found.y.grid[row])
    assert abs(excess_of(here)) > doubt_at(here).half_width


def test_exchanging_the_numbers_mirrors_the_map(cells: Pair) -> None:
    x, y = on(LINE, cells, 10.0, 40.0, 80.0), on(STORE, cells, 4.0, 13.0, 40.0)
    one = break_even_map(cells, x, y, given=(LINE, STORE))
    other = break_even_map(cells, y, x, given=(LINE, STORE))
    assert np.array_equal(one.excess, other.excess.T)
    assert one.counts == other.counts


def test_values_that_were_named_stay(cells: Pair) -> None:
    x, y = on(LINE, cells, 5.0, 60.0), on(STORE, cells, 4.0, 13.0)
    found = break_even_map(cells, x, y, given=(LINE, STORE))
    assert (found.x.grid, found.y.grid) == ((5.0, 60.0), (4.0, 13.0))


def test_the_range_of_the_machine_file_comes_first() -> None:
    """Only where nothing crosses inside it the map goes on to all that is possible."""
    cells = pair("ampere-altra", "contpte-per-pte", order=9)
    outside = break_even_map(cells, axis_of("tlbi_ns", cells), on("folio_order", cells, 4, 9))
    assert outside.contour() == () and outside.x.bounds == axis_of("tlbi_ns", cells).bounds
    cells = pair("xeon-4210r", "folio-batch-v6.9", order=0)
    key = "atomics.locked_cycles"
    inside = break_even_map(cells, axis_of(key, cells), axis_of("folio_order", cells))
    assert inside.x.bounds == axis_of(key, cells).own
    assert inside.y.grid == (0, 2, 3, 4, 5, 6, 7, 8, 9)


def test_processes_change_nothing(cells: Pair) -> None:
    x, y = on(LINE, cells, 10.0, 40.0, 80.0), on(STORE, cells, 4.0, 40.0)
    one, two = (break_even_map(cells, x, y, given=(LINE, STORE), jobs=jobs) for jobs in (1, 2))
    assert np.array_equal(one.excess, two.excess)
    assert np.array_equal(one.half_width, two.half_width, equal_nan=True)


def test_places_that_no_machine_can_have_are_left_out() -> None:
    cells = pair("graviton3", "folio-batch-v6.9", order=4)
    l2, llc = "caches.l2.latency_cycles", "caches.llc.latency_ns"
    x, y = on(l2, cells, 10.0, 60.0), on(llc, cells, 10.0, 40.0)
    found = break_even_map(cells, x, y, given=(l2, llc))
    assert np.isnan(found.excess).tolist() == [[False, True], [False, False]]
    nowhere = on(l2, cells, 60.0), on(llc, cells, 10.0)
    with pytest.raises(ConfigError, match="no value is possible here"):
        break_even_map(cells, *nowhere, given=(l2, llc))


def test_between_positive_values_a_position_is_a_factor() -> None:
    assert [value_between((1.0, 4.0, 16.0), at) for at in (0, 0.5, 1.5, 2)] == [1, 2, 8, 16]


def drawn(x: Axis, y: Axis, excess: list[list[float]], half: list[list[float]]) -> BreakevenMap:
    return BreakevenMap(x, y, np.array(excess), np.array(half), None)


def test_a_tie_is_no_win_and_no_edge_of_the_map(cells: Pair) -> None:
    x, y = on(LINE, cells, 10.0, 20.0, 40.0, 80.0, 160.0), on(STORE, cells, 4.0, 8.0)
    zero, nan = [0.0, 1e-17, -1e-17, 0.0, 0.0], float("nan")
    same = drawn(x, y, [zero, zero], [[0.0] * 5] * 2)
    assert (same.counts, same.same, same.contour()) == ((0, 0, 0), 10, ())
    assert not same.either.any()
    sentence = map_sentence(same, cells)
    assert "costs the same at every point" in sentence
    row = [-0.5, -0.1, 0.0, 0.1, 0.5]
    found = drawn(x, y, [row, zero], [[nan, 0.08, 0.0, 0.08, nan], [0.0] * 5])
    assert (found.counts, found.same) == ((2, 0, 2), 6)
    (crossing,) = found.crossings(0)
    assert crossing.x == 40 and not crossing.wins_above
    assert crossing.low is not None and 20 < crossing.low < 40
    assert crossing.high is not None and 40 < crossing.high < 80
    assert found.crossings(1) == ()
    assert "at 6 both cost the same" in map_sentence(found, cells)
    never = drawn(x, y, [[0.5, 0.2, 0.0, 0.0, 0.0]] * 2, [[nan, nan, 0.0, 0.0, 0.0]] * 2)
    assert (never.crossings(0), never.contour()) == ((), ())


def test_whole_numbers_cross_at_the_first_on_the_far_side(cells: Pair) -> None:
    nan = float("nan")
    x, y = on("cpus", cells, 1.0, 3.0, 11.0), on("folio_order", cells, 0.0, 4.0)
    rows, unknown = [[-0.5, -0.1, 0.5], [0.5, 0.5, 0.5]], [[nan, 0.05, nan], [nan] * 3]
    found = drawn(x, y, rows, unknown)
    (crossing,) = found.crossings(0)
    start = value_between(x.grid, 1 + np.log(0.9) / (np.log(0.9) - np.log(1.5)))
    assert crossing.x == np.floor(start) + 1 == 4
    far = drawn(x, y, [[-0.5, nan, 0.5], [nan] * 3], [[nan] * 3] * 2)
    assert far.crossings(0)[0].x < 11


def test_between_whole_numbers_there_is_neither_line_nor_band(cells: Pair) -> None:
    nan = float("nan")
    x, y = on(LINE, cells, 10.0, 40.0), on("folio_order", cells, 0.0, 4.0, 5.0)
    found = drawn(x, y, [[0.5, 0.4], [-0.5, -0.4], [-0.1, 0.1]], [[nan] * 2] * 3)
    assert [found.crossings(row) for row in (0, 1)] == [(), ()]
    (line,) = found.contour()
    (crossing,) = found.crossings(2)
    assert [at for at, _ in line] == pytest.approx([crossing.x] * len(line), rel=0.02)
    assert all(4 < y <= 5 for _, y in line)
    assert found.finer(found.margin)[2][:4].tolist() == [[3.0] * 5] * 2 + [[-3.0] * 5] * 2
    mirrored = drawn(y, x, found.excess.T.tolist(), [[nan] * 3] * 2)
    assert [tuple(reversed(point)) for line in mirrored.contour() for point in line] != []
    whole = on("cpus", cells, 1.0, 2.0)
    assert drawn(whole, y, found.excess.tolist(), [[nan] * 2] * 3).contour() == ()


def test_beyond_a_gap_the_edges_begin_at_the_crossing(cells: Pair) -> None:
    nan = float("nan")
    x, y = on(LINE, cells, 1.0, 2.0, 4.0, 8.0), on(STORE, cells, 4.0)
    found = drawn(x, y, [[-0.5, nan, nan, 1.0]], [[nan] * 4])
    (crossing,) = found.crossings(0)
    assert crossing.x == pytest.approx(value_between(x.grid, 1.5))
    assert crossing.low == pytest.approx(value_between(x.grid, 1.0))
    assert crossing.high == pytest.approx(value_between(x.grid, 2.0))


def test_a_map_of_one_row_has_its_break_even(cells: Pair) -> None:
    found = drawn(on(LINE, cells, 10.0, 40.0), on(STORE, cells, 4.0), [[-0.5, 1.0]], [[0.1, 0.1]])
    text = map_text(found, cells)
    assert "40  break-even\n" in text and "20 (" in text


def test_whole_numbers_have_all_their_digits(cells: Pair) -> None:
    axis = on(LINE, cells)
    shown = [axis.short(x) for x in (4096.0, 99999.0, 123456.0, 45.678, 0.0)]
    assert shown == ["4096", "99999", "123000", "45.7", "0"]
    assert on("memory", cells).short(2.0**22) == "4 MiB"


def test_the_legend_says_what_no_machine_can_be(cells: Pair) -> None:
    x, y, nan = on(LINE, cells, 10.0, 40.0), on(STORE, cells, 4.0), float("nan")
    there, missing = (
        map_text(drawn(x, y, [[-0.5, last]], [[nan, nan]]), cells) for last in (-0.4, nan)
    )
    assert "-: no such machine can be." in missing
    assert "no such machine" not in there and "?:" not in there


def test_one_number_is_no_two_axes(cells: Pair) -> None:
    with pytest.raises(ConfigError, match="folio_order and folio_share both set folio_orders"):
        break_even_map(cells, axis_of("folio_order", cells), axis_of("folio_share", cells))
