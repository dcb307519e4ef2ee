"""Flushes of some pages: by one instruction each where they are few, of everything where many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import costmodel
from costmodel import api
from costmodel.arguments import Order
from costmodel.config.machine import Machine, load_machine
from costmodel.operations.protocol import FlushRequest
from costmodel.operations.shared.flush import (
    ASID_FLUSH,
    RANGE_TLBI_PAGES,
    flush,
    flush_of_all,
    gathered_stride,
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
    ("mapped", "order", "stride"),
    [
        ("pmd", 9, 512),
        ("pte", 9, 1),
        ("pmd", {0: "50%", 9: "50%"}, 1),  # with PTEs among them the flush strides by pages
    ],
)
def test_pmds_alone_are_flushed_by_2_mib(mapped: str, order: Order, stride: int) -> None:
    cell = api.cell("xeon-4210r", "v6.7", memory="8 MiB", order=order, overrides={"mapped": mapped})
    assert gathered_stride(cell.workload) == stride


@pytest.mark.parametrize(("pages", "stride", "entries"), [(33, 1, 33), (1024, 512, 2), (1, 512, 1)])
def test_a_stride_says_how_many_translations_a_range_holds(
    pages: int, stride: int, entries: int
) -> None:
    assert FlushRequest(pages, stride).entries == entries


def test_only_range_tlbis_count_pages_whatever_maps_them() -> None:
    """``__flush_tlb_range()`` compares ``end - start`` with strides, or pages with 2^21."""

    def ns(machine: Machine, pmds: int) -> float:
        cause = flush(machine, FlushRequest(pmds * 512, 512)).causes_ps[ASID_FLUSH]
        return cause / 1000 - machine.tlbi.broadcast_ns.value

    each, of_range = ALTRA.tlbi.issue_ns.value, M2.tlbi.issue_ns.value
    assert [ns(ALTRA, n) / each for n in (1, 32, 511)] == pytest.approx([1, 32, 511], rel=1e-3)
    # 256, 256 * 32 and 256 * 33 pairs of pages are 8, (8, 0) and (8, 8) in base 32.
    assert [ns(M2, n) / of_range for n in (1, 32, 33)] == pytest.approx([1, 1, 2], rel=1e-3)
    whole = flush_of_all(M2).causes_ps
    assert flush(M2, FlushRequest((1 << 21) + 512, 512)).causes_ps == whole
    assert flush(M2, FlushRequest(1 << 21, 512)).causes_ps != whole


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


@pytest.mark.parametrize(("machine", "ranged"), [("apple-m2-vm", True), ("ampere-altra", False)])
def test_tables_of_dirty_pages_are_flushed_as_ranges(machine: str, ranged: bool) -> None:
    """The loop flushes what it gathered of a table, then the call what covered the tables."""
    profile = load_machine(machine)
    cost = costmodel.price(
        machine,
        "folio-batch-v6.12",
        operation="zap",
        state="shared-munmap",
        memory="8 MiB",
        order=0,
        overrides={"contpte": False},
    )
    flushed_ns = cost.stack_ns_per_pte[ASID_FLUSH] * 2048
    forced = [flush(profile, FlushRequest(512))] * 4
    last = flush(profile, FlushRequest(2048, 512, frees_tables=True))
    assert flushed_ns * 1000 == pytest.approx(
        sum(one.causes_ps[ASID_FLUSH] for one in (*forced, last)), rel=1e-6
    )
    assert (forced[0].causes_ps == flush_of_all(profile).causes_ps) is not ranged


def test_few_dirty_pages_are_flushed_one_by_one_though_the_loop_forces_it() -> None:
    def ns(pages: int) -> float:
        cost = costmodel.price(
            "xeon-4210r",
            "folio-batch-v6.12",
            operation="zap",
            state="shared-dontneed",
            memory=f"{4 * pages} KiB",
            order=0,
        )
        return cost.stack_ns_per_pte[ASID_FLUSH] * pages

    assert ns(33) - ns(3) == pytest.approx(30 * XEON.shootdown.invlpg_ns.value)


def test_the_flush_of_a_call_is_for_what_full_lists_left_and_for_freed_tables() -> None:
    """9,698 slots fill a list: 38 MiB of pages force one flush, and leave 30 pages.

    Page tables that are freed widen the range to all that they mapped (``pte_free_tlb()``).
    """

    def ns(pages: int, state: str) -> float:
        cost = costmodel.price(
            "xeon-4210r", "v6.7", operation="zap", state=state, memory=f"{4 * pages} KiB", order=0
        )
        return cost.stack_ns_per_pte[ASID_FLUSH] * pages

    each = XEON.shootdown.invlpg_ns.value
    left = ns(9698 + 30, "dontneed") - ns(9698 + 1, "dontneed")
    assert left == pytest.approx(29 * each, abs=0.02 * each)
    whole = XEON.tlbi.asid_flush_ns.value
    assert ns(9698 + 30, "munmap") == pytest.approx(2 * whole, rel=0.01)
