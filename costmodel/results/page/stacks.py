"""Where the time goes, as bars of parts: one per strategy, by families of causes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from costmodel.results.document import column_title
from costmodel.results.plots.stack import CUT, FAMILIES, LEAST_SHARE, OTHER, by_family, fill
from costmodel.results.records import ResultCell
from costmodel.results.text.numbers import nanoseconds

_HATCHES: Final = {
    "\\": "M-1 1 1-1M0 6 6 0M5 7 7 5",
    "/": "M-1 5 1 7M0 0 6 6M5-1 7 1",
    ".": "M1 1h1v1h-1zM4 4h1v1h-1z",
    "o": "M1.5 3a1.5 1.5 0 1 0 3 0a1.5 1.5 0 1 0-3 0",
    "x": "M0 0 6 6M0 6 6 0",
    "+": "M3 0V6M0 3H6",
    "-": "M0 1.5H6M0 4.5H6",
    "|": "M1.5 0V6M4.5 0V6",
}
"""A letter of matplotlib's hatches to the lines of a square of six by six."""


@dataclass(frozen=True)
class CausePattern:
    """How a family of causes is filled; ``lines`` tell it from others in black and white."""

    name: str
    family: str
    colour: str
    lines: str


@dataclass(frozen=True)
class StackPart:
    """One family in a bar: where it begins and how wide it is, in percent of the picture."""

    pattern: str
    at: float
    width: float
    text: str


@dataclass(frozen=True)
class StackRow:
    """The parts of one strategy, and its time."""

    strategy: str
    is_baseline: bool
    is_marked: bool
    parts: tuple[StackPart, ...]
    is_beyond: bool
    ns: str
    key: float


@dataclass(frozen=True)
class Stacks:
    """The strategies on one machine and folio layout."""

    title: str
    rows: tuple[StackRow, ...]


def used_patterns(cells: Sequence[ResultCell]) -> list[CausePattern]:
    """Return the families that can be seen in some bar, in the order of the bars."""
    used = {
        family
        for cell in cells
        for family, part in by_family(cell.cpi_stack_ns_per_pte).items()
        if part > LEAST_SHARE * cell.ns_per_pte
    }
    return [
        CausePattern(f"cause-{number}", family, look.colour, _HATCHES.get(look.hatch[:1], ""))
        for number, (family, look) in enumerate((each, fill(each)) for each in (*FAMILIES, OTHER))
        if family in used
    ]


def stacks_of(cells: Sequence[ResultCell], known: Sequence[CausePattern]) -> Stacks:
    """Return the bars of the cells of one machine and layout, on one scale."""
    usual = next((cell.ns_per_pte for cell in cells if cell.is_baseline), cells[0].ns_per_pte)
    high = max(cell.ns_per_pte for cell in cells if cell.ns_per_pte <= CUT * usual)
    names = {pattern.family: pattern.name for pattern in known}
    return Stacks(column_title(cells[0].column), tuple(_row(cell, high, names) for cell in cells))


def _row(cell: ResultCell, high: float, names: dict[str, str]) -> StackRow:
    parts, left = [], 0.0
    for family, ns in by_family(cell.cpi_stack_ns_per_pte).items():
        width = min(ns, high - left)
        if width <= 0:
            break
        if family in names:
            at, wide = (round(100 * x / high, 2) for x in (left, width))
            parts.append(StackPart(names[family], at, wide, f"{family}: {nanoseconds(ns)} ns"))
        left += ns
    return StackRow(
        cell.strategy,
        cell.is_baseline,
        bool(cell.remarks),
        tuple(parts),
        cell.ns_per_pte > high,
        nanoseconds(cell.ns_per_pte),
        cell.ns_per_pte,
    )
