"""What a contiguous block of arm64 is asked: where a folio lies in it, and what is gathered."""

from __future__ import annotations

import pytest

from costmodel.code.events import Trait
from costmodel.mm.folio import Folio
from costmodel.mm.pte import PRESENT, make_pte
from costmodel.operations.shared.entry import Entry
from costmodel.operations.shared.recorded import GATHERS, ends_gather


@pytest.mark.parametrize(
    ("order", "slot", "trait"),
    [
        (0, 5, Trait.ALIGNED),
        (0, 6, Trait.NONE),
        (2, 4, Trait.PLACED),
        (2, 20, Trait.PLACED),
        (2, 8, Trait.NONE),
        (4, 0, Trait.PLACED),
        (4, 3, Trait.NONE),
    ],
)
def test_a_frame_lies_in_its_block_as_its_entry_does_or_not(
    order: int, slot: int, trait: int
) -> None:
    folio = Folio(order, {0: 21, 2: 4, 4: 16}[order])
    entry = Entry(slot, make_pte(folio.first_pfn, PRESENT), folio)
    entry.note_alignment()
    assert entry.traits & (Trait.ALIGNED | Trait.PLACED) == trait


@pytest.mark.parametrize("read", [1, 2, 16], ids=["v6.16: one is enough", "two", "v6.12: all"])
def test_a_gathering_read_ends_with_the_last_entry_that_it_reads(read: int) -> None:
    function = [GATHERS, *[GATHERS] * read, GATHERS, "caller", GATHERS]
    target = ["src", *["src"] * read, "stack", "src", "src"]
    ends = [row for row in range(read + 1) if ends_gather(row, function, target)]
    assert ends == [read]


def test_a_window_may_end_inside_a_gathering_read() -> None:
    assert ends_gather(1, [GATHERS] * 2, ["src"] * 2)
