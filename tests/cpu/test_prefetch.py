"""Sequential streams are covered, scattered lines are not."""

from __future__ import annotations

import pytest

from costmodel.code.uops import Flavour, Kind, Target, Uop
from costmodel.cpu.prefetch import STREAMS, TRACKED_LINES, Prefetches, prefetches

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


def test_a_lone_line_is_remembered_until_too_many_others_came() -> None:
    others = [1000 + 3 * i for i in range(TRACKED_LINES)]
    for between, lines in ((others[1:], 5), (others, 4)):
        assert len(touched([0, *between, 1, 2, 3, 4]).row) == lines


def test_streams_beyond_those_that_can_be_followed_get_nothing() -> None:
    many = range(STREAMS + 6)
    begun, going_on = (
        [1000 * stream + i for stream in many for i in part] for part in ((0, 1), (2, 3))
    )
    found = touched(begun + going_on)
    assert set(found.stream.tolist()) == set(range(STREAMS))
    assert len(found.row) == 4 * STREAMS


def test_no_depth_no_prefetch() -> None:
    assert not touched(list(range(20)), depth=0).starts.any()


def test_far_atomics_and_clearing_train_nothing() -> None:
    far = trace_of([rmw(Flavour.RMW_STORE, 64 * i, target=Target.PAGE) for i in range(20)])
    assert prefetches(far, 64, 4, 2, far=False).starts.any()
    assert not prefetches(far, 64, 4, 2, far=True).starts.any()
    zero = Uop(Kind.ZERO, Flavour.ZERO_LINE, target=Target.SRC, size_bytes=64)
    lines = trace_of([zero._replace(offset_bytes=64 * i) for i in range(20)])
    assert not prefetches(lines, 64, 4, 2, far=False).starts.any()
