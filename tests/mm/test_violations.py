"""Faults of single pages are reported in runs."""

from __future__ import annotations

from costmodel.mm.violations import Findings, Guarantee, Violation, plural, span


def reported(*pages: int, details: bool = False) -> list[tuple[str, range]]:
    findings = Findings()
    for page in pages:
        findings.add(Guarantee.CHILD_PTE, "child", page, "lost", f"was {page}" if details else "")
    return [(str(violation), violation.vpns) for violation in findings.violations()]


def test_neighbours_are_one_run() -> None:
    assert reported(3, 4, 5) == [("child, pages 3-5: lost", range(3, 6))]
    assert reported(0) == [("child, page 0: lost", range(1))]
    assert reported() == []


def test_a_gap_or_a_step_back_begins_another_run() -> None:
    assert reported(1, 3, 4, 9) == [
        ("child, page 1: lost", range(1, 2)),
        ("child, pages 3-4: lost", range(3, 5)),
        ("child, page 9: lost", range(9, 10)),
    ]
    assert [vpns for _, vpns in reported(7, 8, 2, 3)] == [range(7, 9), range(2, 4)]
    assert [vpns for _, vpns in reported(5, 5)] == [range(5, 6), range(5, 6)]


def test_a_run_has_the_detail_of_its_first_page() -> None:
    assert [text for text, _ in reported(3, 4, 8, details=True)] == [
        "child, pages 3-4: lost (was 3)",
        "child, page 8: lost (was 8)",
    ]


def test_kinds_come_in_the_order_in_which_they_were_found() -> None:
    findings = Findings()
    findings.add(Guarantee.RSS, "parent", 1, "wrong")
    findings.add(Guarantee.CHILD_PTE, "parent", 2, "wrong")
    findings.add(Guarantee.RSS, "child", 2, "wrong")
    findings.add(Guarantee.RSS, "parent", 2, "wrong")
    assert [(found.guarantee, str(found)) for found in findings.violations()] == [
        (Guarantee.RSS, "parent, pages 1-2: wrong"),
        (Guarantee.CHILD_PTE, "parent, page 2: wrong"),
        (Guarantee.RSS, "child, page 2: wrong"),
    ]


def test_words_of_a_report() -> None:
    assert [plural(count, "PTE") for count in (0, 1, 2)] == ["0 PTEs", "1 PTE", "2 PTEs"]
    assert [span(5, count) for count in (1, 2, 4)] == ["5", "5-6", "5-8"]
    assert str(Violation(Guarantee.RSS, "", "anon is 3")) == "anon is 3"
    assert not Violation(Guarantee.RSS, "", "anon is 3").vpns
    assert not Violation(Guarantee.RSS, "", "anon is 3").pfns
