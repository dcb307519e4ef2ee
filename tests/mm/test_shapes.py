"""Large spaces are a few shapes with counts."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.code.regions import VMEMMAP_BYTES
from costmodel.mm.address_space import Rss, VmaKind
from costmodel.mm.pte import CONT, DIRTY, FLAG_MASK, PRESENT, UFFD_WP, WRITE, YOUNG
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


@given(
    holes=st.floats(0, 0.999),
    weights=st.dictionaries(st.sampled_from([0, 2, 4, 8, 9]), st.integers(1, 20), min_size=1),
    tables=st.integers(64, 512),
)
@settings(deadline=None, max_examples=50)
def test_holes_are_behind_the_folios_of_each_table(
    holes: float, weights: dict[int, int], tables: int
) -> None:
    mix = {order: weight / sum(weights.values()) for order, weight in weights.items()}
    space = homogeneous(tables << 21, mix, holes=holes)
    there = (1 - holes) * tables * 512
    # Whole folios and tables are rounded: at most one of the largest in each kind of table.
    assert abs(space.pages - there) <= 513 * len(space.shapes) + 1
    for shape in space.shapes:
        assert shape.ptes == 512 and shape.empty == 512 - shape.pages and shape.pages
        (table,) = [slots for _, slots in shape.build().space.pmds]
        assert [bool(pte) for pte in table] == [True] * shape.pages + [False] * shape.empty


@pytest.mark.parametrize(
    ("holes", "mix", "expected"),
    [
        (0.5, {0: 1.0}, [(512, {0: 256})]),
        (0.75, {4: 1.0}, [(512, {4: 8})]),
        (0.4, {8: 1.0}, [(410, {8: 1}), (102, {8: 2})]),
        (0.75, {8: 1.0}, [(256, {8: 1})]),
        (0.75, {9: 1.0}, [(128, {9: 1})]),
        # A table with its holes has room for 51 pages, none for a folio of 256.
        (0.9, {0: 0.5, 8: 0.5}, [(26, {8: 2}), (257, {0: 25}), (229, {0: 26})]),
    ],
)
def test_shares_of_what_is_there(
    holes: float, mix: dict[int, float], expected: list[tuple[int, dict[int, int]]]
) -> None:
    found = counts(homogeneous(GIB, mix, holes=holes))
    assert found[0] == expected[0]
    assert sum(number for number, _ in found) == sum(number for number, _ in expected)


def counts(space: ShapedSpace) -> list[tuple[int, dict[int, int]]]:
    """Return the count of each table, and how many folios of each order it has."""
    return [
        (shape.count, {order: shape.orders.count(order) for order in sorted(set(shape.orders))})
        for shape in space.shapes
    ]


@pytest.mark.parametrize(
    ("mix", "expected"),
    [
        ({4: 1.0}, [(512, {4: 32})]),
        ({0: 0.5, 4: 0.5}, [(256, {0: 256, 4: 16}), (256, {0: 256, 4: 16})]),
        # 3.2 folios of 16 pages: every fifth table has four.
        ({0: 0.9, 4: 0.1}, [(410, {0: 464, 4: 3}), (102, {0: 448, 4: 4})]),
        ({9: 0.25, 0: 0.75}, [(128, {9: 1}), (384, {0: 512})]),
        ({9: 1.0}, [(512, {9: 1})]),
        # A quarter of each: 16 of 8 pages, 32 of 4, 64 of 2, and the rest single.
        (
            {0: 0.25, 1: 0.25, 2: 0.25, 3: 0.25},
            [(256, {0: 128, 1: 64, 2: 32, 3: 16})] * 2,
        ),
    ],
)
def test_shares_as_folios_per_table(
    mix: dict[int, float], expected: list[tuple[int, dict[int, int]]]
) -> None:
    assert counts(homogeneous(GIB, mix)) == expected


@pytest.mark.parametrize(
    ("pages", "mix", "expected"),
    [
        (5, {2: 1.0}, {2: 1, 0: 1}),
        (6, {2: 1.0}, {2: 1, 0: 2}),
        (7, {2: 1.0}, {2: 1, 0: 3}),
        (12, {3: 1.0}, {3: 1, 2: 1}),
        (511, {9: 1.0}, {0: 511}),
        (40, {0: 0.5, 4: 0.5}, {4: 1, 0: 24}),
        (24, {0: 0.5, 3: 0.5}, {3: 1, 0: 16}),
    ],
)
def test_what_is_left_of_a_table_is_made_of_smaller_folios_but_not_of_order_1(
    pages: int, mix: dict[int, float], expected: dict[int, int]
) -> None:
    """Anonymous memory has no folios of two pages."""
    assert counts(homogeneous(pages * PAGE_BYTES, mix)) == [(1, dict(sorted(expected.items())))]


def test_a_mix_is_in_another_order_for_another_seed_mix_or_placing() -> None:
    mix = {0: 0.5, 4: 0.5}
    one = homogeneous(GIB, mix).shapes[0].orders
    assert homogeneous(GIB, mix, seed=1).shapes[0].orders != one
    assert homogeneous(GIB, mix, frames="aligned").shapes[0].orders != one
    assert sorted(homogeneous(GIB, mix, seed=1).shapes[0].orders) == sorted(one)


def test_scattered_folios_lie_in_a_region_as_large_as_said_and_never_smaller() -> None:
    def span(over_bytes: int) -> int:
        (shape,) = homogeneous(GIB, {4: 1.0}, frames="scattered", over_bytes=over_bytes).shapes
        return max(shape.first_pfns) - min(shape.first_pfns)

    assert span(0) == span(GIB) < GIB // PAGE_BYTES
    assert 8 * GIB // PAGE_BYTES < span(16 * GIB) < 16 * GIB // PAGE_BYTES


BITS = PRESENT | YOUNG | DIRTY
PLAIN = PteState("plain", "as written")


@pytest.mark.parametrize(
    ("state", "flags"),
    [
        (PLAIN, BITS | WRITE),
        (replace(PLAIN, alone=False), BITS),
        (replace(PLAIN, protected=True), BITS),
        (replace(PLAIN, shared=True), BITS | WRITE),
        (replace(PLAIN, write_protects=True), BITS | WRITE),
        (replace(PLAIN, write_protects=False), BITS | UFFD_WP),
    ],
)
def test_the_bits_of_every_entry_of_a_state(state: PteState, flags: int) -> None:
    memory = homogeneous(2 << 20, {2: 1.0}, state=state).shapes[0].build()
    assert {pte & FLAG_MASK for _, pte in memory.space.entries()} == {flags}
    assert len(list(memory.space.entries())) == 512
    (vma,) = memory.space.vmas
    assert (vma.start, vma.end) == (0, 512)
    assert vma.writable == (not state.protected)
    assert vma.write_protects == state.write_protects
    assert (vma.kind is VmaKind.SHARED) == state.shared
    assert memory.space.rss == {Rss.FILE if state.shared else Rss.ANON: 512}
    assert memory.frames.folios[0].exclusive == [state.alone and not state.shared] * 4
    assert memory.frames.folios[0].anon == (not state.shared)


def test_a_state_is_that_of_memory_which_one_process_wrote_unless_it_says_else() -> None:
    assert PLAIN.alone
    assert PLAIN.mapped_by == 1
    assert not PLAIN.protected
    assert not PLAIN.shared
    assert not PLAIN.cold
    assert PLAIN.option == ""
    assert replace(PLAIN, write_protects=False).option == "USERFAULTFD"
    space = homogeneous(GIB, {0: 0.9, 4: 0.1}).in_state(PLAIN)
    assert [shape.state for shape in space.shapes] == [PLAIN, PLAIN]


@pytest.mark.parametrize(("order", "contiguous"), [(0, False), (3, False), (4, True), (5, True)])
def test_folios_of_16_pages_and_more_have_contiguous_bits(order: int, contiguous: bool) -> None:
    for contpte in (False, True):
        (shape,) = homogeneous(2 << 20, {order: 1.0}, frames="aligned", contpte=contpte).shapes
        ptes = [pte for _, pte in shape.build().space.entries()]
        assert {bool(pte & CONT) for pte in ptes} == {contpte and contiguous}
        assert [pte >> 16 for pte in ptes] == [*range(ptes[0] >> 16, (ptes[0] >> 16) + 512)]


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
