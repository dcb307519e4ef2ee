"""Units, sizes and a name that all parts of the package share."""

from __future__ import annotations

from typing import Final

PS_PER_NS: Final = 1_000
"""Schedules and results are kept in integer picoseconds."""
PS_PER_US: Final = 1_000_000
PS_PER_S: Final = 1_000_000_000_000
TICKS_PER_CYCLE: Final = 16
"""The core computes in integer ticks, each a sixteenth of one of its cycles."""

KIB: Final = 1 << 10
MIB: Final = 1 << 20
GIB: Final = 1 << 30

PAGE_BYTES: Final = 4096
"""The base page of every machine here."""
LINE_BYTES: Final = 64
"""A line of every cache here."""
LARGEST_ORDER: Final = 9
"""The largest folio order: 2 MiB, as many pages as one page table maps."""

WIDTH: Final = 76
"""The most columns of printed text, so that it can be quoted in a mail."""
YAML_WIDTH: Final = 100
"""The most columns of machine files."""
AROUND: Final = "around"
"""Name of the part of an operation that lies around its loops: calls, tables, flushes."""


def ticks_to_ps(ticks: int, clock_ghz: float) -> int:
    """Return ticks in picoseconds, rounded to the nearest one."""
    return round(ticks * PS_PER_NS / (TICKS_PER_CYCLE * clock_ghz))
