"""MADV_DONTNEED over many ranges."""

from __future__ import annotations

import pytest

import costmodel
from costmodel.config.errors import ConfigError
from costmodel.operations.zap.ranges import RangeState, range_state


def ms(state: str, machine: str = "xeon-4210r") -> float:
    cost = costmodel.price(
        machine, "folio-batch-v6.12", operation="zap", memory="64 MiB", order=0, state=state
    )
    return cost.ns_per_pte * (64 << 8) / 1e6


def test_what_a_text_says() -> None:
    state = range_state("dontneed: range 8 KiB, per_call 32, flush range")
    assert isinstance(state, RangeState)
    assert (state.pages, state.per_call, state.flushes_each) == (2, 32, True)


def test_one_page_a_call_is_the_state_that_has_a_name() -> None:
    """Published: 110.9 ms for 256 MiB by flushes per range, 109.5 ms by flushes per call."""
    named = ms("dontneed-per-page")
    assert ms("dontneed: range 4 KiB") == pytest.approx(named)
    assert ms("dontneed: range 4 KiB, flush range") == pytest.approx(named)


def test_fewer_calls_and_fewer_flushes_are_faster() -> None:
    """Published: 50.0 and 44.4 ms with 8 ranges per call, 41.0 and 23.9 with 1024."""
    one = ms("dontneed: range 4 KiB")
    by_range, by_call = (
        [ms(f"dontneed: range 4 KiB, per_call {n}, flush {flush}") for n in (8, 512)]
        for flush in ("range", "call")
    )
    assert one > by_range[0] > by_range[1]
    assert one > by_call[0] > by_call[1]
    assert by_range[1] > 1.2 * by_call[1]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("dontneed: per_call 2", "must have a range"),
        ("dontneed: range 3 KiB", "multiple of the page size"),
        ("dontneed: range 4 KiB, per_call none", "'per_call' must be"),
        ("dontneed: range 4 KiB, flush never", "'flush' must be"),
        ("dontneed: range 4 KiB, size 3", "may have per_call and flush"),
        ("munmap: range 4 KiB", "'dontneed' alone has ranges"),
        ("shared-dontneed: range 4 KiB", "'dontneed' alone has ranges"),
    ],
)
def test_what_it_cannot_be_is_refused(state: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        ms(state)
