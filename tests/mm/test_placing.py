"""Where folios lie: all of them anywhere, or a part, and the rest in runs."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.mm.placing import BASE_PFN, first_pfns_of

PAGES = (0,) * 512


def neighbours(first_pfns: tuple[int, ...]) -> int:
    """Count the single pages that lie right behind the one before."""
    return sum(b - a == 1 for a, b in pairwise(first_pfns))


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
