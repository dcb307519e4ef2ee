"""What is known between two events."""

from __future__ import annotations

import pytest

from costmodel.code.events import ContextTracker, Step, Trait, kinds_left_out, marked_without
from costmodel.code.uops import Kind


def after_batch(first: int, count: int, *, scanned: bool = False) -> ContextTracker:
    """Follow a batch up to its last mapping."""
    tracker = ContextTracker(Step("set", first - 1, 0, 0), "wrprotect")
    tracker.advance(Step("read", first, 0, 0))
    if scanned:
        tracker.advance(Step("scan", first + 1, 0, 0))
    tracker.advance(Step("get", first, 0, 0))
    for slot in range(first, first + count):
        tracker.advance(Step("map", slot, 0, 0))
    return tracker


@pytest.mark.parametrize(
    ("first", "count", "whole", "ends"),
    [(0, 16, True, True), (16, 4, False, False), (28, 4, False, True), (0, 20, True, False)],
)
def test_batches_know_their_place_among_blocks(
    first: int, count: int, whole: bool, ends: bool
) -> None:
    facts = after_batch(first, count).context_at(Step("set", first, 0, 0))
    assert (facts.whole, facts.ends_block, facts.scanned) == (whole, ends, False)


def test_a_batch_that_was_scanned_for() -> None:
    assert after_batch(0, 4, scanned=True).context_at(Step("set", 0, 0, 0)).scanned


def test_traits_and_places() -> None:
    last = Step("peek", 15, 0, 0, Trait.CONSECUTIVE)
    facts = ContextTracker(last, "scan").context_at(
        Step("get", 511, 0, 0, Trait.LARGE | Trait.WRITABLE)
    )
    assert facts.before_last == "scan"
    assert facts.large and facts.writable and facts.consecutive
    assert facts.last_block_end and facts.block_end and facts.table_end
    assert not (facts.cont or facts.block_start)


def test_traits_carry_what_to_leave_out() -> None:
    traits = marked_without(int(Trait.LARGE), (Kind.TLBI, Kind.DSB))
    assert traits & Trait.LARGE
    assert kinds_left_out(traits) == 1 << Kind.TLBI | 1 << Kind.DSB
    assert kinds_left_out(int(Trait.LARGE)) == 0
