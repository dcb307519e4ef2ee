"""Large spaces are a few shapes with counts."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.code.regions import VMEMMAP_BYTES
from costmodel.mm.address_space import Rss
from costmodel.mm.pte import CONT, PRESENT, WRITE
from costmodel.mm.shapes import FRESH, ShapedSpace, homogeneous
from costmodel.mm.state import PteState
from costmodel.operations.fork.operation import READ_ONLY
from costmodel.operations.zap.operation import EXIT, MUNMAP
from costmodel.units import PAGE_BYTES

GIB = 1 << 30


def share(space: ShapedSpace, order: int) -> float:
    pages = sum(shape.count * (shape.orders.count(order) << order) for shape in space.shapes)
    return pages / space.ptes


def test_one_tebibyte_costs_one_table() -> None:
    space = homogeneous(1024 * GIB, {0: 1.0})

    assert [shape.count for shape in space.shapes] == [512 * 1024]
    assert space.ptes == 1024 * GIB // PAGE_BYTES


def test_what_is_no_multiple_of_2_mib_gives_one_partial_table() -> None:
    space = homogeneous(GIB + 5 * PAGE_BYTES, {2: 1.0})

    assert [(shape.count, shape.ptes) for shape in space.shapes] == [(512, 512), (1, 5)]
    assert homogeneous(PAGE_BYTES, {9: 1.0}).shapes[0].orders == (0,)


@given(
    weights=st.dictionaries(
        st.sampled_from([0, 1, 2, 3, 4, 5, 9]), st.integers(1, 20), min_size=1, max_size=5
    ),
    pages=st.integers(1, 100 * 512) | st.just(100 * 512),
    frames=st.sampled_from(["contiguous", "scattered"]),
    seed=st.integers(0, 3),
)
@settings(deadline=None, max_examples=50)
def test_mixes_have_few_shapes_aligned_folios_and_the_right_shares(
    weights: dict[int, int], pages: int, frames: str, seed: int
) -> None:
    total = sum(weights.values())
    mix = {order: weight / total for order, weight in weights.items()}

    space = homogeneous(pages * PAGE_BYTES, mix, frames=frames, seed=seed)

    assert len(space.shapes) <= 4
    assert space.ptes == pages
    assert space == homogeneous(pages * PAGE_BYTES, mix, frames=frames, seed=seed)
    for shape in space.shapes:
        slot = 0
        for order, first_pfn in zip(shape.orders, shape.first_pfns, strict=True):
            assert slot % (1 << order) == first_pfn % (1 << order) == 0
            slot += 1 << order
        assert len(set(shape.first_pfns)) == len(shape.first_pfns)
    if pages == 100 * 512:
        for order, wanted in mix.items():
            assert share(space, order) == pytest.approx(wanted, abs=0.03)


def test_a_half_and_half_mix_interleaves() -> None:
    space = homogeneous(GIB, {0: 0.5, 4: 0.5})

    assert share(space, 4) == 0.5
    changes = sum(a != b for a, b in pairwise(space.shapes[0].orders))
    assert changes > 10


def test_a_share_of_few_folios_is_met_by_two_tables() -> None:
    assert share(homogeneous(GIB, {0: 0.9, 4: 0.1}), 4) == pytest.approx(0.1, abs=0.001)


def test_frames_ascend_or_are_scattered() -> None:
    ascending = homogeneous(GIB, {4: 1.0}).shapes[0].first_pfns
    scattered = homogeneous(GIB, {4: 1.0}, frames="scattered").shapes[0].first_pfns

    assert [b - a for a, b in pairwise(ascending)] == [16] * 31
    assert sorted(scattered) != list(scattered)
    assert max(scattered) - min(scattered) > 100_000


@pytest.mark.parametrize(
    ("state", "writable", "mapcount"),
    [(FRESH, True, 1), (READ_ONLY, False, 1), (EXIT, False, 2), (MUNMAP, True, 1)],
)
def test_states(state: PteState, writable: bool, mapcount: int) -> None:
    memory = homogeneous(GIB, {4: 1.0}, state=state, contpte=True).shapes[0].build()

    pte = memory.space.get(37)
    folio = memory.frames.find(pte >> 16)
    assert folio is not None
    assert pte & PRESENT
    assert pte & CONT
    assert bool(pte & WRITE) == folio.exclusive[5] == writable
    assert folio.mapcount == [mapcount] * 16
    assert folio.refcount == folio.large_mapcount == 16 * mapcount
    assert memory.space.rss[Rss.ANON] == 512


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"memory_bytes": 4097}, r"'memory_bytes' must be a multiple of 4096 \(got 4097\)"),
        ({"memory_bytes": 0}, r"'memory_bytes'"),
        ({"folio_orders": {10: 1.0}}, r"'folio_orders' must be orders 0 to 9 \(got 10\)"),
        ({"folio_orders": {0: 0.7}}, r"'folio_orders' must sum to 1"),
        ({"frames": "random"}, r"'frames' must be one of .* \(got 'random'\)"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, object], message: str) -> None:
    good: dict[str, object] = {"memory_bytes": GIB, "folio_orders": {0: 1.0}}

    with pytest.raises(ValueError, match=message):
        homogeneous(**(good | arguments))  # type: ignore[arg-type]


@pytest.mark.parametrize("order", [0, 9])
def test_the_first_struct_page_lies_in_the_middle_of_its_vmemmap_block(order: int) -> None:
    """A 2 MiB block maps 32,768 struct pages of 64 bytes: 64 tables, hardly one across its ends."""
    (shape,) = homogeneous(2 << 20, {order: 1.0}, frames="aligned").shapes
    first = shape.first_pfns[0]
    assert 64 * first % VMEMMAP_BYTES == VMEMMAP_BYTES // 2
    assert first % 512 == 0


def test_contiguous_single_pages_lie_in_another_place_of_their_blocks_than_their_entries() -> None:
    """As in the booted kernels; folios of 16 pages and more are aligned by nature."""
    (single,) = homogeneous(2 << 20, {0: 1.0}).shapes
    (large,) = homogeneous(2 << 20, {4: 1.0}).shapes
    assert single.first_pfns[0] % 16 == 8
    assert large.first_pfns[0] % 16 == 0
