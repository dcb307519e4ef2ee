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
    operation.large_mapcount_add(folio, 1)

    assert (folio.refcount, folio.large_mapcount) == (2, 1)
    assert folio.mapcount == [0, 0, 1, 0]
    assert folio.exclusive == [True, True, False, True]
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


def test_each_counter_moves_by_one_unless_more_are_asked_for(operation: TableOperation) -> None:
    folio = operation.frames.folios[0]
    operation.folio_get(folio)
    operation.mapcount_add(folio, 3)
    assert (folio.refcount, folio.mapcount) == (1, [0, 0, 0, 1])
    operation.folio_get(folio, 4)
    operation.folio_put(folio, 2)
    operation.mapcount_add(folio, 0, -1)
    operation.mapcount_add(folio, 4, 3)
    assert (folio.refcount, folio.mapcount) == (3, [-1, 0, 0, 1])
    assert operation.frames.folios[1].mapcount == [3, 0]


def test_marks_beyond_the_last_folio_are_nobodys(operation: TableOperation) -> None:
    last = operation.frames.folios[1]
    last.exclusive = [True, True]
    assert [operation.is_exclusive(last, page) for page in range(4)] == [True, True, False, False]
    operation.clear_exclusive(last, 2)
    operation.clear_exclusive(last, 1)
    assert last.exclusive == [True, False]


@pytest.mark.parametrize(
    ("first", "count", "text", "frames"),
    [
        (0, 4, "", range(0)),
        (0, 5, "frames 8-12: batch of 5 PTEs on an order-2 folio at index 0: page 0", range(8, 13)),
        (3, 3, "frames 11-13: batch of 3 PTEs on an order-2 folio at index 3: pages 0-1",
         range(11, 14)),
        (4, 1, "frame 12: batch of 1 PTE on an order-2 folio at index 4: page 0", range(12, 13)),
        (6, 2, "frames 14-15: batch of 2 PTEs on an order-2 folio at index 6: pages 2-3",
         range(14, 16)),
    ],
)  # fmt: skip
def test_a_batch_of_one_call_stays_in_its_folio(
    operation: TableOperation, first: int, count: int, text: str, frames: range
) -> None:
    assert operation._check_batch(operation.frames.folios[0], first, count) == (not text)
    wanted = [(f"{text} of the next folio counted to this one", frames)] if text else []
    assert [(str(fault), fault.pfns) for fault in operation.faults] == wanted


def test_a_batch_that_grows_beyond_what_it_said_is_one_fault(operation: TableOperation) -> None:
    folio = operation.frames.folios[0]
    operation.folio_get(folio, 2)
    for page in (2, 3, 4, 5):
        operation.mapcount_add(folio, page)
    operation.folio_get(folio)
    operation.mapcount_add(folio, 4)
    assert [str(fault).split(":")[0] for fault in operation.faults] == ["frames 10-13", "frame 12"]


def test_an_operation_flushes_everything_at_its_end(operation: TableOperation) -> None:
    operation.tlb.weakened(3)
    operation.tlb.cleared(4, make_pte(9, PRESENT))
    operation.finish()
    assert operation.tlb.may_write() == operation.tlb.may_translate() == []


def test_flushes(operation: TableOperation) -> None:
    operation.tlb.weakened(3)
    operation.tlb.invalidate_all()
    assert operation.tlb.may_write() == [3]
    operation.dsb()
    assert operation.tlb.may_write() == []
    operation.tlb.weakened(3)
    operation.final_flush()
    assert operation.tlb.may_write() == []


def test_each_batch_that_leaves_its_folio_is_one_fault(operation: TableOperation) -> None:
    folio = operation.frames.folios[0]
    for _ in range(2):
        operation.folio_get(folio, 4)
        for page in (3, 4, 5):
            operation.mapcount_add(folio, page)
    assert [str(fault).partition(":")[0] for fault in operation.faults] == ["frames 11-14"] * 2
