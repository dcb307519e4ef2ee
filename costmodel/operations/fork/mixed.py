"""Later forks of a process, which wrote some of its pages since the last one, or all of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from costmodel.code.yields import run_through
from costmodel.config.parts import parts_of
from costmodel.mm.build import Memory
from costmodel.mm.folio import Folio
from costmodel.mm.pte import (
    CONT,
    CONT_PTES,
    DIRTY,
    PFN_SHIFT,
    PRESENT,
    TABLE_PTES,
    WRITE,
    YOUNG,
    make_pte,
)
from costmodel.mm.shapes import TableShape
from costmodel.mm.state import PteState
from costmodel.operations.fork.mm import ForkOperation
from costmodel.operations.fork.operation import READ_ONLY, WRITABLE
from costmodel.operations.shared.strategy import Function

_KEYS: Final = ("writable", "read-only")
_MOST: Final = TABLE_PTES


@dataclass(frozen=True, slots=True)
class MixedState(PteState):
    """Of each ``writable`` + ``read_only`` pages the first ones were written since the last fork.

    The child of that fork lives on, so each written page was copied: it is now a single page on a
    frame of its own.
    """

    writable: int = 0
    read_only: int = 0


def mixed_state(text: str) -> MixedState:
    """Return the state that a text such as ``mixed: writable 1, read-only 15`` means.

    Raises KeyError for a text that does not begin with ``mixed``, and ValueError where a part of it
    is wrong.
    """
    name, parts = parts_of(text)
    if name != "mixed":
        raise KeyError(text)
    if set(parts) != set(_KEYS):
        raise ValueError(
            "'mixed' must say how many pages are writable and how many read-only, such as 'mixed: "
            "writable 1, read-only 15'"
        )
    counts = [int(part) if part.isdecimal() else 0 for part in (parts[key] for key in _KEYS)]
    if not all(counts) or sum(counts) > _MOST:
        raise ValueError(f"'mixed' must have numbers of pages, at least 1 and {_MOST} in all")
    title = f"forked before; {counts[0]} of {sum(counts)} pages written since"
    return MixedState(text, title, alone=False, writable=counts[0], read_only=counts[1])


def write_again(memory: Memory, state: MixedState) -> None:
    """Let the process write the pages that ``state`` names: each gets a copy on a new frame."""
    behind = max(folio.first_pfn + folio.pages for folio in memory.frames)
    group = state.writable + state.read_only
    for _, slots in memory.space.pmds:
        for slot, pte in enumerate(slots):
            if pte & PRESENT and slot % group < state.writable:
                _unfold(slots, slot)
                _drop(memory, pte)
                copy = memory.frames.add(Folio(0, behind, mapped=1, exclusive=True))
                slots[slot] = make_pte(copy.first_pfn, PRESENT | WRITE | DIRTY | YOUNG)
                behind += 1


def _unfold(slots: list[int], slot: int) -> None:
    start = slot & -CONT_PTES
    for other in range(start, start + CONT_PTES):
        slots[other] &= ~CONT


def _drop(memory: Memory, pte: int) -> None:
    pfn = pte >> PFN_SHIFT
    folio = memory.frames.find(pfn)
    assert folio is not None
    folio.map_page(folio.page(pfn), -1)


def memory_of(function: Function, shape: TableShape, *, contpte: bool) -> Memory:
    """Return a process with one table, which ``function`` forked before unless it is writable.

    What that fork left behind matters: a kernel that unfolds contiguous blocks to write-protect
    them does not find them folded again. The child of that fork lives on.
    """
    state = shape.state
    if shape.pmd or (state != READ_ONLY and not isinstance(state, MixedState)):
        return shape.build()
    memory = replace(shape, state=WRITABLE).build()
    run_through(function(ForkOperation.begin(memory, contpte=contpte)))
    if isinstance(state, MixedState):
        write_again(memory, state)
    return memory
