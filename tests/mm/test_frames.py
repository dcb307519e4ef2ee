"""Where the folios of a table lie in physical memory: in a row, scattered, in runs."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.mm.frames import BASE_PFN, first_pfns_of

PAGES = (0,) * 512


@pytest.mark.parametrize(("scattered", "behind"), [(10, 460), (30, 358), (90, 51)])
def test_a_part_lies_alone_and_the_rest_in_one_run(scattered: int, behind: int) -> None:
    """The run goes on behind a page that lies elsewhere."""
    found = first_pfns_of(PAGES, f"{scattered}% scattered", 1 << 18, Random(1))
    steps = sorted(found)
    assert sum(b - a == 1 for a, b in pairwise(steps)) == pytest.approx(behind, abs=3)


@pytest.mark.parametrize("pages", [4, 16, 64])
def test_runs_are_as_long_as_said(pages: int) -> None:
    """Of 256 single pages in runs all but the first of each lie behind another."""
    found = sorted(
        first_pfns_of(PAGES, f"50% scattered, runs of {4 * pages} KiB", 1 << 18, Random(1))
    )
    behind = sum(b - a == 1 for a, b in pairwise(found))
    assert behind == pytest.approx(256 - 256 / pages, abs=3)


def test_more_memory_spreads_them_wider() -> None:
    near, far = (
        first_pfns_of(PAGES, "scattered", pages, Random(1)) for pages in (1 << 18, 1 << 22)
    )
    assert max(far) - min(far) > 10 * (max(near) - min(near))
    assert min(near) >= BASE_PFN
    assert max(far) < BASE_PFN + (1 << 22)


@given(
    orders=st.lists(st.sampled_from([0, 2, 3, 4, 6]), min_size=1, max_size=60),
    share=st.integers(1, 100),
    run_kib=st.sampled_from([4, 16, 64, 1024]),
    seed=st.integers(0, 3),
)
@settings(deadline=None)
def test_folios_are_aligned_and_none_lies_on_another(
    orders: list[int], share: int, run_kib: int, seed: int
) -> None:
    frames = f"{share}% scattered, runs of {run_kib} KiB" if share < 100 else "scattered"
    found = first_pfns_of(orders, frames, 1 << 18, Random(seed))
    pages = [
        pfn + page for pfn, order in zip(found, orders, strict=True) for page in range(1 << order)
    ]
    assert len(set(pages)) == len(pages)
    assert all(pfn % (1 << order) == 0 for pfn, order in zip(found, orders, strict=True))


@pytest.mark.parametrize(
    ("frames", "firsts"),
    [("aligned", (0, 4, 5, 6)), ("contiguous", (0, 4, 5, 6)), ("scattered", None)],
)
def test_folios_of_a_table_lie_one_behind_the_other(
    frames: str, firsts: tuple[int, ...] | None
) -> None:
    found = first_pfns_of((2, 0, 0, 1), frames, 1 << 18, Random(1))
    relative = tuple(pfn - BASE_PFN for pfn in found)
    assert relative == firsts if firsts else relative != (0, 4, 5, 6)


@pytest.mark.parametrize(("frames", "shift"), [("contiguous", 8), ("aligned", 0)])
def test_single_pages_alone_are_shifted_by_half_a_block(frames: str, shift: int) -> None:
    found = first_pfns_of((0, 0, 0), frames, 1 << 18, Random(1))
    assert [pfn - BASE_PFN for pfn in found] == [shift, shift + 1, shift + 2]


@pytest.mark.parametrize("span_pages", [8 * 16, 16])
def test_a_region_that_just_holds_them_is_filled(span_pages: int) -> None:
    """Eight folios of 16 pages in 128 pages; less room than that they take all the same."""
    found = first_pfns_of((4,) * 8, "scattered", span_pages, Random(1))
    assert sorted(pfn - BASE_PFN for pfn in found) == [16 * place for place in range(8)]
    assert list(found) != sorted(found)


@given(seed=st.integers(0, 20))
@settings(deadline=None)
def test_runs_take_as_much_room_as_their_folios(seed: int) -> None:
    """Four lone folios of 4 pages, and a run of four more that nothing cuts."""
    found = first_pfns_of((2,) * 8, "50% scattered, runs of 64 KiB", 32, Random(seed))
    assert sorted(pfn - BASE_PFN for pfn in found) == [4 * place for place in range(8)]
    assert sum(b - a == 4 for a, b in pairwise(found)) >= 1


@pytest.mark.parametrize(
    ("orders", "firsts"),
    [
        ((0, 2), (0, 4)),
        ((2, 0), (0, 4)),
        ((0, 0, 2, 1), (0, 1, 4, 8)),
        ((1, 0, 2, 0, 0), (0, 2, 4, 8, 9)),
    ],
)
def test_in_a_run_each_folio_is_at_the_next_place_that_is_aligned(
    orders: tuple[int, ...], firsts: tuple[int, ...]
) -> None:
    found = first_pfns_of(orders, "1% scattered", 4, Random(1))
    assert tuple(pfn - BASE_PFN for pfn in found) == firsts


@pytest.mark.parametrize(("run_kib", "runs"), [(16, 4), (20, 4), (32, 2), (48, 2), (64, 1)])
def test_a_run_ends_before_the_folio_that_would_make_it_too_long(run_kib: int, runs: int) -> None:
    """Four folios of 4 pages, far from full runs in a large region."""
    found = first_pfns_of((2,) * 4, f"1% scattered, runs of {run_kib} KiB", 1 << 20, Random(1))
    assert 1 + sum(b - a != 4 for a, b in pairwise(found)) == runs
