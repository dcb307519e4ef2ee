"""The counters that fork and zap share, also where a batch overruns its folio."""

from __future__ import annotations

import pytest

from costmodel.mm.folio import Folio, FrameTable
from costmodel.mm.operation import TableOperation
from costmodel.mm.pte import PRESENT, SPECIAL, SWAP, make_pte
from costmodel.mm.tlb import TlbView


@pytest.fixture
def operation() -> TableOperation:
    frames = FrameTable()
    frames.add(Folio(2, 8))
    frames.add(Folio(1, 12))
    return TableOperation(frames, TlbView())


def test_the_folio_of_an_entry(operation: TableOperation) -> None:
    assert operation.folio_of(make_pte(9, PRESENT)) is operation.frames.folios[0]
    assert operation.folio_of(make_pte(9, PRESENT | SPECIAL)) is None
    assert operation.folio_of(make_pte(9, SWAP)) is None


def test_counters_of_pages(operation: TableOperation) -> None:
    folio = operation.frames.folios[0]
    folio.exclusive = [True] * 4
    operation.folio_get(folio, 3)
    operation.folio_put(folio)
    operation.mapcount_add(folio, 2)
    operation.clear_exclusive(folio, 2)
    assert not operation.keeps_large_mapcount
    operation.large_mapcount_add(folio, 1)

    assert (folio.refcount, folio.large_mapcount) == (2, 1)
    assert folio.mapcount == [0, 0, 1, 0]
    assert folio.exclusive == [True, True, False, True]
    assert operation.keeps_large_mapcount
    assert operation.faults == []


def test_exclusive_is_asked_of_the_folio_that_the_page_really_belongs_to(
    operation: TableOperation,
) -> None:
    folio, neighbour = operation.frames.folios
    folio.exclusive = [True, False, False, False]
    neighbour.exclusive = [False, True]

    exclusive = [operation.is_exclusive(folio, page) for page in range(8)]

    assert exclusive == [True, False, False, False, False, True, False, False]


def test_a_page_beyond_the_folio_is_one_of_the_next_folio(operation: TableOperation) -> None:
    folio, neighbour = operation.frames.folios
    neighbour.exclusive = [True, True]
    operation.folio_get(folio, 4)
    for page in (3, 4, 5, 6):
        operation.mapcount_add(folio, page)
        operation.clear_exclusive(folio, page)

    assert folio.mapcount == [0, 0, 0, 1]
    assert neighbour.mapcount == [1, 1]
    assert neighbour.exclusive == [False, False]
    assert [str(fault) for fault in operation.faults] == [
        "frames 11-14: batch of 4 PTEs on an order-2 folio at index 3: "
        "pages 0-2 of the next folio counted to this one"
    ]


def test_a_single_page_beyond_the_folio(operation: TableOperation) -> None:
    operation.mapcount_add(operation.frames.folios[0], 5)

    assert [str(fault) for fault in operation.faults] == [
        "frame 13: batch of 1 PTE on an order-2 folio at index 5: "
        "page 1 of the next folio counted to this one"
    ]


def test_flushes(operation: TableOperation) -> None:
    operation.tlb.weakened(3)
    operation.tlbi_asid()
    assert operation.tlb.may_write() == [3]
    operation.dsb()
    assert operation.tlb.may_write() == []
    operation.tlb.weakened(3)
    operation.final_flush()
    assert operation.tlb.may_write() == []
