"""Draws an address space and marks its broken pages, at most 76 columns wide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from costmodel.mm.address_space import AddressSpace, Vma
from costmodel.mm.build import Memory
from costmodel.mm.folio import Folio
from costmodel.mm.pte import (
    CONT,
    CONT_PTES,
    DIRTY,
    HUGE,
    MIGRATION,
    PRESENT,
    SPECIAL,
    SWAP,
    TABLE_PTES,
    WRITE,
)
from costmodel.mm.violations import Violation

_LABEL = 10  # of WIDTH - 2 - _ROW
_ROW = 64
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_MAX_LEGEND = 12
LEGEND = "W writable, r read-only, P pinned, S swap, M migration, s special"


def draw_memory(memory: Memory, violations: Iterable[Violation]) -> str:
    """Return a drawing of a process before the operation, with ``^`` below broken pages.

    A row shows up to 64 pages of a mapping: the folio of each as a letter, its index in the folio,
    and the state of its entry. A legend follows.
    """
    marked = {vpn for violation in violations for vpn in violation.vpns}
    names = _name_folios(memory)
    lines: list[str] = []
    for vma in memory.space.vmas:
        lines.append(_title(vma))
        for first, end in _rows(vma, memory.space, marked):
            lines.extend(_row(memory, names, marked, first, end))
    lines.append(LEGEND)
    lines.extend(_legend(memory, names))
    return "\n".join(line.rstrip() for line in lines)


def _title(vma: Vma) -> str:
    words = [f"{vma.kind.value} mapping, page {vma.start} to {vma.end - 1}"]
    if vma.dontfork:
        words.append("DONTFORK")
    if vma.lazy:
        words.append("left to faults")
    return ", ".join(words)


def _rows(vma: Vma, space: AddressSpace, marked: set[int]) -> Iterator[tuple[int, int]]:
    """Yield first and end page of each row: at most 64 pages of one table, without empty rows."""
    start = vma.start
    while start < vma.end:
        end = min(vma.end, start + _ROW, (start // TABLE_PTES + 1) * TABLE_PTES)
        if space.get(start) & HUGE:
            yield start, start + 1
            end = start + TABLE_PTES
        elif any(space.get(vpn) or vpn in marked for vpn in range(start, end)):
            yield start, end
        start = end


def _row(
    memory: Memory, names: dict[int, str], marked: set[int], first: int, end: int
) -> Iterator[str]:
    vpns = range(first, end)
    ptes = [memory.space.get(vpn) for vpn in vpns]
    found = [memory.frames.find(pte >> 16) if pte & PRESENT else None for pte in ptes]
    folios = "".join(names[id(folio)] if folio else "." for folio in found)
    huge = f" (a PMD maps it: pages {first} to {first + TABLE_PTES - 1})" if ptes[0] & HUGE else ""
    yield _label(_page_label(first), folios + huge)
    yield _label("  index", "".join(map(_page, ptes, found)))
    yield _label("  state", "".join(map(_state, ptes, found)))
    if len({pte & DIRTY for pte in ptes if pte & PRESENT}) > 1:
        yield _label("  dirty", "".join(map(_dirty, ptes)))
    if any(pte & CONT for pte in ptes):
        yield _label("  cont", "".join(map(_cont, vpns, ptes)))
    if not marked.isdisjoint(vpns):
        yield _label("  broken", "".join("^" if vpn in marked else " " for vpn in vpns))


def _page_label(vpn: int) -> str:
    """Return ``page 7``; of a long number only the last digits, because the title has all."""
    label = f"page {vpn}"
    return label if len(label) < _LABEL else f"..{vpn % 1_000_000:06}"


def _label(label: str, text: str) -> str:
    return f"{label:<{_LABEL}}{text}"


def _page(pte: int, folio: Folio | None) -> str:
    return _DIGITS[folio.page(pte >> 16) % len(_DIGITS)] if folio else "."


def _state(pte: int, folio: Folio | None) -> str:
    if not pte:
        return "."
    for bit, letter in ((SWAP, "S"), (MIGRATION, "M"), (SPECIAL, "s")):
        if pte & bit:
            return letter
    if folio and folio.pinned and folio.exclusive[folio.page(pte >> 16)]:
        return "P"
    return "W" if pte & WRITE else "r"


def _dirty(pte: int) -> str:
    if not pte & PRESENT:
        return "."
    return "d" if pte & DIRTY else "-"


def _cont(vpn: int, pte: int) -> str:
    if not pte & CONT:
        return "."
    return {0: "[", CONT_PTES - 1: "]"}.get(vpn % CONT_PTES, "=")


def _name_folios(memory: Memory) -> dict[int, str]:
    """Return a letter for each folio, by its ``id()``; letters repeat after 52 folios."""
    return {id(folio): _LETTERS[index % len(_LETTERS)] for index, folio in enumerate(memory.frames)}


def _legend(memory: Memory, names: dict[int, str]) -> Iterator[str]:
    """Yield one line for each of the first folios."""
    folios = list(memory.frames)
    for folio in folios[:_MAX_LEGEND]:
        notes = [f"refcount {folio.refcount}"]
        if not folio.anon:
            notes.append("file")
        if folio.pinned:
            notes.append("pinned")
        yield f"{names[id(folio)]} = {folio}, {', '.join(notes)}"
    if len(folios) > _MAX_LEGEND:
        yield f"and {len(folios) - _MAX_LEGEND} more folios"
