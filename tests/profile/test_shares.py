"""Shares of loops and what a change of one means for the job."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.profile.consequence import consequence, together
from costmodel.profile.shares import LOOPS, Share, share_of
from costmodel.profile.stacks import Profile, Stack, plain


def profile(*stacks: tuple[float, str], samples: float | None = None) -> Profile:
    found = tuple(Stack(weight, "job", frozenset(names.split())) for weight, names in stacks)
    total = sum(weight for weight, _ in stacks)
    return Profile("perf script", "cycles", samples, found, has_callers=True, total=total)


def test_a_loop_is_what_its_roots_do_and_call() -> None:
    found = profile(
        (30, "clear_page_erms pte_alloc_one copy_page_range dup_mm"),
        (50, "clear_page_erms do_anonymous_page"),
        (20, "copy_page_range"),
    )
    assert share_of(found, "fork").share == pytest.approx(0.5)
    assert share_of(found, "zap").share == 0


def test_the_flush_of_mprotect_is_no_zap() -> None:
    found = profile((10, "tlb_finish_mmu do_mprotect_pkey"), (10, "tlb_finish_mmu exit_mmap"))
    assert share_of(found, "zap").share == pytest.approx(0.5)


@pytest.mark.parametrize("called", ["zap_page_range_single_batched", "zap_vma_range_batched"])
def test_dontneed_is_zap_in_new_kernels_too(called: str) -> None:
    found = profile(
        (30, f"folio_remove_rmap_ptes {called} madvise_vma_behavior do_madvise"),
        (10, "free_unref_folios tlb_finish_mmu madvise_finish_tlb do_madvise"),
        (60, "main"),
    )
    assert share_of(found, "zap").share == pytest.approx(0.4)


@pytest.mark.parametrize("caller", ["mwriteprotect_range", "change_prot_numa", "madvise_pageout"])
def test_other_flushes_are_no_zap(caller: str) -> None:
    found = profile((10, f"flush_tlb_func tlb_finish_mmu {caller}"), (10, "main"))
    assert share_of(found, "zap").share == 0


def test_every_operation_of_the_model_has_its_loop() -> None:
    from costmodel.operations.registry import operation_names

    # A process's life is loops of fork and zap.
    assert set(operation_names()) - {"spawn"} == set(LOOPS)


@settings(deadline=None)
@given(st.floats(0, 1), st.integers(1, 10**6))
def test_intervals_hold_the_share_and_shrink_with_samples(share: float, samples: int) -> None:
    def interval(count: float) -> Share:
        stacks = ((share, "copy_page_range"), (1 - share, "main"))
        return share_of(profile(*stacks, samples=count), "fork")

    few, many = interval(samples), interval(100 * samples)
    assert 0 <= few.low <= few.share <= few.high <= 1
    assert many.high - many.low <= few.high - few.low + 1e-12


def test_a_part_of_a_job_that_vanishes_takes_its_share_along() -> None:
    found = consequence("fork", "order-0", Share(0.2, 0.15, 0.25), -100.0, (-100.0, -100.0))
    assert found.job_pct == pytest.approx(-20)
    assert found.job_interval == pytest.approx((-25, -15))


@settings(deadline=None)
@given(st.floats(0, 1), st.floats(-100, 100), st.floats(0, 50))
def test_a_job_never_changes_by_more_than_its_loop(share: float, pct: float, half: float) -> None:
    found = consequence("zap", "order-0", Share(share, share, share), pct, (pct - half, pct + half))
    assert abs(found.job_pct) <= abs(pct) + 1e-9
    low, high = found.job_interval
    assert low - 1e-9 <= found.job_pct <= high + 1e-9


def test_changes_of_several_loops_add_up() -> None:
    one = consequence("fork", "order-0", Share(0.1, 0.1, 0.1), -50.0, (-60.0, -40.0))
    two = consequence("zap", "order-0", Share(0.2, 0.2, 0.2), 10.0, (0.0, 20.0))
    total, interval = together([one, two])
    assert total == pytest.approx(-3) and interval == pytest.approx((-6, 0))


@pytest.mark.parametrize(
    ("name", "source"),
    [("set_ptes.constprop.0", "set_ptes"), ("a.part.0.isra.1", "a"), ("x.cold", "x"), ("b", "b")],
)
def test_names_are_those_of_the_source(name: str, source: str) -> None:
    assert plain(name) == source
