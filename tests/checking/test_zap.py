"""Unmap strategies under the same checks as copy loops."""

from __future__ import annotations

import pytest

from costmodel.checking.check import check_strategy, report_text, standard_layouts
from costmodel.checking.run import Subject, violations_on
from costmodel.checking.subjects import find_subjects
from costmodel.mm.layout import Layout
from costmodel.mm.layouts import folios, private
from costmodel.mm.violations import Guarantee
from costmodel.operations.shared.entry import Steps
from costmodel.operations.zap import per_pte
from costmodel.operations.zap.mm import ZapOperation
from costmodel.operations.zap.release import flush_and_release

LOSING = "zap contpte-folio-batch-noyoungdirty"


@pytest.mark.parametrize(
    "subject", find_subjects([], operation="zap"), ids=lambda subject: subject.name
)
def test_only_the_rejected_idea_breaks_something(subject: Subject) -> None:
    report = check_strategy(subject, standard_layouts(40, seed=3))

    broken = {fault.guarantee for fault in report.breaks}
    assert broken == ({Guarantee.DIRTY} if subject.name == LOSING else set()), report_text(report)


def test_the_report_says_why_noyoungdirty_was_rejected() -> None:
    (subject,) = find_subjects(["contpte-folio-batch-noyoungdirty"], operation="zap")
    text = " ".join(report_text(check_strategy(subject, standard_layouts(0, seed=0))).split())

    assert "broken: dirty bits of file folios are not lost" in text
    assert "dirty bit of an entry is lost with it" in text


def test_a_name_stands_for_a_posting_in_every_operation() -> None:
    assert [s.name for s in find_subjects(["v6.7"])] == ["v6.7", "zap v6.7", "spawn v6.7"]
    assert [s.operation for s in find_subjects(["v6.7"], operation="zap")] == ["zap"]


def unmap_and_finish(zap: ZapOperation) -> Steps:
    yield from per_pte.unmap_per_pte(zap)
    yield from flush_and_release(zap)


def free_first(zap: ZapOperation) -> Steps:
    yield from per_pte.unmap_per_pte(zap)
    zap.free_gathered()
    zap.flush()


def test_the_release_may_be_the_strategys_own() -> None:
    layouts = standard_layouts(0, seed=0)
    assert check_strategy(Subject("it", unmap_and_finish, "zap"), layouts).passed
    assert not check_strategy(Subject("it", per_pte.unmap_per_pte, "zap"), layouts).passed


def test_pages_must_not_be_freed_before_the_flush() -> None:
    layout = Layout("it", (private(*folios(2, 0)),))
    found = violations_on(Subject("it", free_first, "zap"), layout)

    assert {fault.guarantee for fault in found} == {Guarantee.FREED}
    assert "freed while a TLB may still translate to 1 page" in str(found[0])
