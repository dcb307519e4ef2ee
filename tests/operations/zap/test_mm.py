"""The zap primitives and what their check finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from costmodel.code.events import Step
from costmodel.mm.address_space import Rss, VmaKind
from costmodel.mm.build import Memory, build_memory
from costmodel.mm.layout import Area, Content, Layout, Piece
from costmodel.mm.layouts import folios, hole, pages, private, telling_layouts
from costmodel.mm.pte import DIRTY, PFN_SHIFT, PRESENT, YOUNG
from costmodel.mm.tlb import TlbView
from costmodel.mm.violations import Guarantee
from costmodel.operations.zap.gather import MAX_SLOTS, Room
from costmodel.operations.zap.guarantees import check_zap
from costmodel.operations.zap.mm import ZapOperation
from costmodel.operations.zap.named_loop import loop_choices, loop_of

LAYOUT = Layout(
    "it",
    (
        private(*folios(2, 2), pages(2, elsewhere=True), hole(1), Piece(Content.SWAP, 1),
                Piece(Content.MIGRATION, 1), Piece(Content.SPECIAL, 1)),
        private(hole(1024), pages(1)),
        Area((pages(2, 2), *folios(1, 4, marked_every=5)), VmaKind.SHARED, before=13),
    ),
)  # fmt: skip


BY_TABLES = [LAYOUT, *(layout for layout in telling_layouts() if not layout.has_pmds)]


def prepared(layout: Layout = LAYOUT, *, contpte: bool = False) -> tuple[Memory, ZapOperation]:
    memory = build_memory(layout, contpte=contpte)
    zap = ZapOperation.begin(memory, contpte=contpte)
    return memory.copy(), zap


def zap_all(zap: ZapOperation) -> Iterator[str]:
    """Unmap entry by entry, as v6.7."""
    for table in zap.tables():
        for slot in range(table.first, table.end):
            pte = table.src.read(slot)
            yield "load"
            if not pte & PRESENT:
                zap.clear_nonpresent(table, slot)
                continue
            pte = table.src.ptep_get(slot)
            folio = zap.folio_of(pte)
            table.src.clear(slot)
            yield "swp"
            if folio is not None:
                zap.mark_dirty(folio, pte)
                if pte & YOUNG and not folio.anon:
                    zap.set_referenced(folio)
                if zap.is_delayed(folio, pte):
                    zap.delay_rmap(folio, folio.page(pte >> PFN_SHIFT))
                else:
                    zap.rmap_remove(folio, folio.page(pte >> PFN_SHIFT))
                zap.rss_sub(Rss.ANON if folio.anon else Rss.FILE)
                zap.gather(folio)
    zap.finish()
    yield "flush"


@pytest.mark.parametrize("contpte", [False, True])
@pytest.mark.parametrize("layout", BY_TABLES, ids=lambda layout: layout.name)
def test_unmapping_entry_by_entry_is_correct(layout: Layout, contpte: bool) -> None:
    before, zap = prepared(layout, contpte=contpte)
    for _ in zap_all(zap):
        pass
    assert check_zap(before, zap) == []


@pytest.mark.parametrize("contpte", [False, True])
@pytest.mark.parametrize("layout", BY_TABLES, ids=lambda layout: layout.name)
def test_loops_that_an_archive_may_name_are_correct(layout: Layout, contpte: bool) -> None:
    """They unfold blocks or keep them, and count large folios or do not."""
    one_by_one = [how for how in loop_choices((), contpte) if how["batching"] is None]
    assert len(one_by_one) == (4 if contpte else 2)
    for how in one_by_one:
        before, zap = prepared(layout, contpte=contpte)
        zap.keeps_large_mapcount = how.get("counts_large", False)
        steps = [step for step in loop_of(how)(zap) if isinstance(step, Step)]
        zap.finish()
        assert check_zap(before, zap) == []
        assert how["unfolds"] or not any(step.event == "flush" for step in steps)


@pytest.mark.parametrize("getting", [True, False])
def test_why_reading_without_dirty_bits_was_rejected(getting: bool) -> None:
    """``ptep_get_noyoungdirty()`` and a clear that returns nothing lose what the block knows."""
    memory = build_memory(Layout("it", (Area(folios(1, 4), VmaKind.SHARED),)), contpte=True)
    for page in range(16):
        dirty = DIRTY if page == 7 else 0
        memory.space.put(page, memory.space.get(page) & ~DIRTY | dirty)
    before = memory.copy()
    zap = ZapOperation(memory.space, memory.frames, TlbView(), contpte=True)
    for table in zap.tables():
        head = table.src.read(0)
        folio = zap.folio_of(head)
        assert folio is not None
        cleared = table.src.clear(0, 16)
        zap.mark_dirty(folio, cleared if getting else head)
        zap.set_referenced(folio)
        zap.delay_rmap(folio, 0, 16)
        zap.rss_sub(Rss.FILE, 16)
        zap.gather(folio, 16, slots=2)
    zap.finish()

    found = [fault.guarantee for fault in check_zap(before, zap)]

    assert found == ([] if getting else [Guarantee.DIRTY])


def finished() -> tuple[Memory, ZapOperation]:
    before, zap = prepared()
    for _ in zap_all(zap):
        pass
    return before, zap


def unflushed(zap: ZapOperation) -> None:
    """Free a folio while its entry may be cached."""
    folio = zap.frames.allocate(0)
    folio.refcount = 1
    zap.tlb.cleared(3, folio.first_pfn << PFN_SHIFT | PRESENT)
    zap.gather(folio)
    zap.free_gathered()
    zap.tlb.invalidate_all()
    zap.dsb()


def twice(zap: ZapOperation) -> None:
    zap.gather(zap.frames.folios[0])
    zap.free_gathered()


def folio_attribute(name: str, value: object) -> Callable[[ZapOperation], None]:
    return lambda zap: setattr(zap.frames.folios[0], name, value)


CASES: dict[str, tuple[Callable[[ZapOperation], None], str, str]] = {
    "entry left": (lambda zap: zap.space.put(3, 7), "PARENT_PTE", "still there"),
    "refcount": (folio_attribute("refcount", 2), "REFCOUNT", "fell by 2, but 4 entries"),
    "mapcount": (folio_attribute("mapcount", [1, 0, 0, 0]), "MAPCOUNT", "mapcounts differ"),
    "large": (folio_attribute("large_mapcount", 1), "MAPCOUNT", "large mapcount is 1, should be 0"),
    "not freed": (folio_attribute("freed", 0), "FREED", "freed 0 times"),
    "freed twice": (twice, "FREED", "freed 2 times, refcount -1"),
    "freed early": (unflushed, "FREED", "while a TLB may still translate to 1 page"),
    "rss": (lambda zap: zap.rss_sub(Rss.ANON), "RSS", "anon rss is -1"),
    "swap": (lambda zap: zap.swap_free(1 << PFN_SHIFT), "SWAP", "has -1 users, should have 0"),
    "stale": (lambda zap: zap.tlb.weakened(3), "STALE_TLB", "may still be written"),
}


@pytest.mark.parametrize("case", CASES)
def test_each_fault_is_found(case: str) -> None:
    sabotage, guarantee, message = CASES[case]
    before, zap = finished()
    assert check_zap(before, zap) == []
    sabotage(zap)

    found = check_zap(before, zap)

    own = [str(fault) for fault in found if fault.guarantee is Guarantee[guarantee]]
    assert any(message in text for text in own), found


def test_a_kernel_with_a_large_mapcount_must_lower_it() -> None:
    before, zap = finished()
    zap.large_mapcount_add(zap.frames.folios[0], -4)

    faults = [str(fault) for fault in check_zap(before, zap)]

    assert faults
    assert all("large mapcount is" in text and "(frames 512-515)" not in text for text in faults)


def test_a_batch_stays_in_its_folio() -> None:
    _, zap = prepared()
    zap.rmap_remove(zap.frames.folios[0], 3, 2)

    assert zap.frames.folios[0].mapcount == [1, 1, 1, 0]
    assert zap.frames.folios[0].exclusive == [True, True, True, False]
    assert [fault.guarantee for fault in zap.faults] == [Guarantee.BATCH]


def test_the_gather_asks_for_a_flush_when_it_is_full() -> None:
    _, zap = prepared()
    folio = zap.frames.folios[0]

    rooms = [zap.gather(folio) for _ in range(MAX_SLOTS)]

    assert rooms.index(Room.FULL) == MAX_SLOTS - 1
    zap.finish()
    assert zap.gather(folio) is Room.LEFT


def test_a_dirty_file_page_stays_mapped_until_no_tlb_can_write_it() -> None:
    """Whoever finds the page unmapped takes its dirty bit for final."""
    layout = Layout("it", (Area(folios(1, 2), VmaKind.SHARED),))
    _, zap = prepared(layout)
    folio = zap.frames.folios[0]
    for table in zap.tables():
        table.src.clear(0, 4)
    zap.rmap_remove(folio, 1, 2)

    (fault,) = zap.faults
    assert fault.guarantee is Guarantee.DIRTY
    assert "mapping of 2 dirty pages taken away while a TLB may still write" in fault.what
    assert fault.pfns == range(folio.first_pfn + 1, folio.first_pfn + 3)

    zap.delay_rmap(folio, 3)
    zap.flush()
    assert zap.delayed == [(folio, 3, 1, False)]
    zap.remove_delayed()
    assert folio.mapcount == [1, 0, 0, 0]
    assert len(zap.faults) == 1


@pytest.mark.parametrize("dirty", [True, False])
@pytest.mark.parametrize("kind", [VmaKind.SHARED, VmaKind.ANONYMOUS])
def test_only_dirty_file_pages_wait_for_the_flush(kind: VmaKind, dirty: bool) -> None:
    _, zap = prepared(Layout("it", (Area(folios(1, 0, dirty=dirty), kind),)))
    (table,) = zap.tables()
    pte = table.src.read(0)
    folio = zap.folio_of(pte)
    assert folio is not None

    assert zap.is_delayed(folio, pte) is (dirty and kind is VmaKind.SHARED)


def test_one_call_may_be_for_a_part_only() -> None:
    _, zap = prepared(Layout("it", (private(*folios(20, 0)), private(*folios(4, 0))), start=505))
    zap.limit(range(510, 515))

    parts = [(table.src.base + table.first, table.end - table.first) for table in zap.tables()]

    assert parts == [(510, 2), (512, 3)]
