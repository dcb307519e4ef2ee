"""Sequential streams are covered, scattered lines are not."""

from __future__ import annotations

import pytest

from costmodel.code.uops import Kind, Subkind, Target, Uop
from costmodel.cpu.prefetch import Prefetches, prefetches

from .build import load, rmw, trace_of


def touched(lines: list[int], *, depth: int = 4, trains_after: int = 2) -> Prefetches:
    trace = trace_of([load(64 * line, target=Target.PAGE) for line in lines])
    return prefetches(trace, 64, depth, trains_after, far=False)


@pytest.mark.parametrize("lines", [list(range(20)), list(range(20, 0, -1))])
def test_a_stream_is_followed_in_both_directions(lines: list[int]) -> None:
    found = touched(lines)
    assert found.uses.tolist() == [0, 0] + [4] * 18
    assert found.starts.tolist() == [0, 4] + [1] * 18
    assert found.follows.tolist() == [0, 0] + [1] * 18


@pytest.mark.parametrize("trains_after", [1, 2, 3, 4])
def test_a_stream_is_trained_by_so_many_lines(trains_after: int) -> None:
    """The last of them starts as many requests as the prefetcher runs ahead, each later one one."""
    found = touched(list(range(10)), depth=5, trains_after=trains_after)
    behind = 10 - trains_after
    assert found.row.tolist() == list(range(10))
    assert found.starts.tolist() == [0] * (trains_after - 1) + [5] + [1] * behind
    assert found.uses.tolist() == [0] * trains_after + [5] * behind
    assert found.follows.tolist() == [0] * trains_after + [1] * behind


def test_a_stream_that_ends_when_it_is_trained_gets_nothing() -> None:
    assert [len(touched(list(range(lines)), trains_after=3).row) for lines in (3, 4)] == [0, 4]


def test_a_stream_goes_on_from_its_last_line_in_its_own_direction() -> None:
    """Lines behind its beginning are not its own, nor is the line after a gap."""
    assert touched([10, 11, 12, 13, 9, 8]).row.tolist() == [0, 1, 2, 3]
    assert touched([10, 9, 8, 7, 11, 12]).row.tolist() == [0, 1, 2, 3]
    assert touched([10, 11, 12, 14, 15]).row.tolist() == [0, 1, 2]
    assert touched([5, 4, 3, 1, 0]).row.tolist() == [0, 1, 2]


def test_a_line_between_two_lone_ones_goes_on_from_the_lower() -> None:
    """So the upper one is still there as the beginning of another stream."""
    assert touched([2, 4, 3, 5, 6]).row.tolist() == [1, 3, 4]
    assert touched([4, 2, 3, 1, 0]).row.tolist() == []


def test_a_lone_line_is_continued_by_its_neighbour_alone() -> None:
    assert touched([10, 12, 13]).row.tolist() == []
    assert touched([13, 11, 10]).row.tolist() == []


def test_scattered_lines_get_nothing() -> None:
    found = touched([7 * i % 41 * 3 for i in range(41)])
    assert not found.uses.any()
    assert not found.starts.any()


def test_two_streams_at_a_time_have_two_numbers() -> None:
    found = touched([line for i in range(20) for line in (i, 1000 + i)])
    assert set(found.stream[0::2].tolist()) != set(found.stream[1::2].tolist())
    assert found.uses[4:].min() == 4


def test_streams_in_turn_share_a_number_so_that_loops_look_alike() -> None:
    found = touched([100 * folio + i for folio in range(4) for i in range(16)])
    assert found.stream.max() == 0
    assert found.uses.tolist() == ([0, 0] + [4] * 14) * 4


def test_a_number_is_free_again_behind_the_last_line_of_its_stream() -> None:
    """The second stream begins inside the first and has the next number, the third the first."""
    found = touched([0, 1, 2, 100, 3, 101, 102, 200, 201, 202, 103])
    assert found.stream.tolist() == [0, 0, 0, 1, 0, 1, 1, 0, 0, 0, 1]


def test_a_lone_line_is_remembered_until_sixty_four_others_came() -> None:
    others = [1000 + 3 * i for i in range(64)]
    for between, lines in ((others[1:], 5), (others, 4)):
        assert len(touched([0, *between, 1, 2, 3, 4]).row) == lines


def test_the_oldest_lone_line_is_forgotten_not_one_that_a_stream_took() -> None:
    others = [1000 + 3 * i for i in range(64)]
    lines = [0, 1, 2, 100, *others, 101, 102, 103]
    assert touched(lines).row.tolist() == [0, 1, 2, 68, 69, 70]
    assert touched([0, 1, 2, 100, *others[:-1], 101, 102]).row.tolist() == [0, 1, 2, 3, 67, 68]


def test_streams_beyond_those_that_can_be_followed_get_nothing() -> None:
    many = range(70)
    begun, going_on = (
        [1000 * stream + i for stream in many for i in part] for part in ((0, 1), (2, 3))
    )
    found = touched(begun + going_on)
    assert set(found.stream.tolist()) == set(range(64)), "followed at the same time"
    assert len(found.row) == 4 * 64


def test_no_depth_no_prefetch() -> None:
    assert not touched(list(range(20)), depth=0).starts.any()


def test_longer_lines_make_longer_streams_of_fewer_lines() -> None:
    trace = trace_of([load(64 * line, target=Target.PAGE) for line in range(20)])
    assert prefetches(trace, 128, 4, 2, far=False).row.tolist() == list(range(0, 20, 2))
    assert prefetches(trace, 32, 4, 2, far=False).row.tolist() == list(range(20))


def test_far_atomics_and_clearing_train_nothing() -> None:
    far = trace_of([rmw(Subkind.RMW_STORE, 64 * i, target=Target.PAGE) for i in range(20)])
    assert prefetches(far, 64, 4, 2, far=False).starts.any()
    assert not prefetches(far, 64, 4, 2, far=True).starts.any()
    zero = Uop(Kind.ZERO, Subkind.ZERO_LINE, target=Target.SRC, size_bytes=64)
    lines = trace_of([zero._replace(offset_bytes=64 * i) for i in range(20)])
    assert not prefetches(lines, 64, 4, 2, far=False).starts.any()
