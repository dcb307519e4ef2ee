"""Units and sizes that every part of the program shares."""

from __future__ import annotations

from typing import Final

PS_PER_NS: Final = 1_000
"""Schedules and results are kept in integer picoseconds."""
PS_PER_US: Final = 1_000_000
PS_PER_S: Final = 1_000_000_000_000

PAGE_BYTES: Final = 4096
"""The base page of every machine here."""
LINE_BYTES: Final = 64
"""A line of every cache here."""
LARGEST_ORDER: Final = 9
"""Of folios: 2 MiB, the pages of one page table."""

WIDTH: Final = 76
"""Columns of all text that is printed: it survives being quoted in a mail."""
YAML_WIDTH: Final = 100
"""Columns of machine files."""
