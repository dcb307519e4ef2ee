"""Flushes of some pages: by one instruction each where they are few, of everything where many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import costmodel
from costmodel import api
from costmodel.arguments import Order
from costmodel.config.machine import load_machine
from costmodel.operations.protocol import FlushRequest
from costmodel.operations.shared.flush import (
    ASID_FLUSH,
    RANGE_TLBI_PAGES,
    flush,
    flush_of_all,
    flushed_entries,
    range_tlbis,
)

XEON, ALTRA, M2 = (load_machine(name) for name in ("xeon-4210r", "ampere-altra", "apple-m2-vm"))


@pytest.mark.parametrize("pages", [1, 8, 33])
def test_x86_flushes_few_pages_one_by_one(pages: int) -> None:
    """tlb_single_page_flush_ceiling is 33 (commit a5102476a24b)."""
    one, some = (flush(XEON, FlushRequest(n)).causes_ps[ASID_FLUSH] for n in (1, pages))
    assert some - one == (pages - 1) * round(1000 * XEON.shootdown.invlpg_ns.value)


@pytest.mark.parametrize("pages", [34, 512, 1 << 18])
def test_x86_flushes_everything_for_more(pages: int) -> None:
    assert flush(XEON, FlushRequest(pages)).causes_ps == flush_of_all(XEON).causes_ps


def test_arm64_without_range_tlbis_issues_one_per_page_up_to_a_table() -> None:
    """MAX_DVM_OPS of arch/arm64/include/asm/tlbflush.h is the number of PTEs of a table."""
    one, many = (flush(ALTRA, FlushRequest(n)).causes_ps[ASID_FLUSH] for n in (1, 511))
    assert many - one == pytest.approx(510e3 * ALTRA.tlbi.issue_ns.value)
    assert flush(ALTRA, FlushRequest(512)).causes_ps == flush_of_all(ALTRA).causes_ps


def test_arm64_with_range_tlbis_issues_few_for_any_number() -> None:
    few, many = (flush(M2, FlushRequest(n)).causes_ps[ASID_FLUSH] for n in (1, 511))
    assert many - few == pytest.approx(2e3 * M2.tlbi.issue_ns.value)
    above = flush(M2, FlushRequest(RANGE_TLBI_PAGES + 1))
    assert above.causes_ps == flush_of_all(M2).causes_ps


@given(pages=st.integers(1, (1 << 21) - 1))
def test_range_tlbis_cover_all_pages(pages: int) -> None:
    """One instruction covers ``(num + 1) << (5 * scale + 1)`` pages, num 0 to 30, scale 0 to 3."""
    left, issued = pages, 0
    if left % 2:
        left, issued = left - 1, 1
    for scale in range(4):
        if digit := left >> (5 * scale + 1) & 31:
            left -= digit << (5 * scale + 1)
            issued += 1
    assert (left, issued) == (0, range_tlbis(pages))


@pytest.mark.parametrize(
    ("mapped", "order", "entries"),
    [
        ("pmd", 9, 4),
        ("pte", 9, 2048),
        ("pmd", {0: "50%", 9: "50%"}, 2048),  # with PTEs among them the flush strides by pages
    ],
)
def test_pmds_alone_are_flushed_by_2_mib(mapped: str, order: Order, entries: int) -> None:
    cell = api.cell("xeon-4210r", "v6.7", memory="8 MiB", order=order, overrides={"mapped": mapped})
    assert flushed_entries(cell.workload, cell.workload.pages) == entries


@pytest.mark.parametrize("state", ["dontneed", "munmap", "to-read-only"])
def test_the_ceiling_of_pmds_is_66_mib(state: str) -> None:
    operation = "mprotect" if state == "to-read-only" else "zap"
    strategy = "v6.12" if operation == "mprotect" else "folio-batch-v6.12"

    def ns(mib: int) -> float:
        cost = costmodel.price(
            "xeon-4210r",
            strategy,
            operation=operation,
            state=state,
            memory=f"{mib} MiB",
            order=9,
            overrides={"mapped": "pmd"},
        )
        return cost.stack_ns_per_pte[ASID_FLUSH] * (mib << 8)

    each_ns, whole_ns = XEON.shootdown.invlpg_ns.value, XEON.tlbi.asid_flush_ns.value
    assert ns(66) - ns(2) == pytest.approx(32 * each_ns)
    assert ns(68) == pytest.approx(whole_ns)
    assert ns(66) > whole_ns


def test_an_exit_flushes_everything_at_once() -> None:
    cost = costmodel.price(
        "xeon-4210r", "v6.7", operation="zap", state="exit", memory="64 KiB", order=0
    )
    assert cost.stack_ns_per_pte[ASID_FLUSH] * 16 == pytest.approx(XEON.tlbi.asid_flush_ns.value)


def test_a_move_flushes_its_few_pages_one_by_one() -> None:
    """``move_ptes()`` calls ``flush_tlb_range()`` for what it moved of a table."""

    def ns(pages: int) -> float:
        cost = costmodel.price(
            "xeon-4210r", "v6.12", operation="mremap", memory=f"{4 * pages} KiB", order=0
        )
        return cost.stack_ns_per_pte[ASID_FLUSH] * pages

    assert ns(33) - ns(16) == pytest.approx(17 * XEON.shootdown.invlpg_ns.value)
    assert ns(34) == pytest.approx(XEON.tlbi.asid_flush_ns.value)
