"""Every check bites: each broken strategy is found to break the guarantee that it breaks."""

from __future__ import annotations

from functools import partial

import pytest

from costmodel.checking.check import check_strategy, report_text, standard_layouts
from costmodel.checking.run import Subject
from costmodel.mm.violations import Guarantee
from costmodel.user_code.blame import StrategyError

from .broken_strategies import BROKEN

OTHERS = {
    Guarantee.FREED,
    Guarantee.DIRTY,
    Guarantee.ACCESSED,
    Guarantee.PROTECTION,
    Guarantee.ENTRY_BITS,
    Guarantee.MOVED,
    Guarantee.DEPOSIT,
}
"""Guarantees of zap, mprotect and mremap, and of PMDs (tests/operations/test_pmd.py)."""
FORK_GUARANTEES = set(Guarantee) - OTHERS


@pytest.mark.parametrize("name", BROKEN)
def test_each_bug_is_found_and_shown(name: str) -> None:
    broken = BROKEN[name]
    subject = Subject(name, broken.strategy, contpte=broken.contpte)

    report = check_strategy(subject, standard_layouts(20, seed=1))

    fault = next(fault for fault in report.breaks if fault.guarantee is broken.guarantee)
    assert sum(area.pages for area in fault.layout.areas) <= 20
    text = report_text(report)
    assert broken.guarantee.value in text
    assert max(map(len, text.splitlines())) <= 76


def test_there_is_a_bug_for_every_guarantee() -> None:
    assert {broken.guarantee for broken in BROKEN.values()} == FORK_GUARANTEES


def test_the_off_by_one_is_told_as_what_it_is() -> None:
    subject = Subject("off-by-one", BROKEN["off_by_one"].strategy)

    text = " ".join(report_text(check_strategy(subject, standard_layouts(0, seed=0))).split())

    assert "batch of 17 PTEs on an order-4 folio at index 15" in text
    assert "pages 0-15 of the next folio counted to this one" in text


def test_what_does_not_complete_is_an_error_and_no_broken_guarantee() -> None:
    endless = Subject("endless", lambda _fork: partial(iter, int, 1)())
    with pytest.raises(StrategyError, match="does not end"):
        check_strategy(endless, standard_layouts(0, seed=0))
