"""Units of time that schedules and results are kept in: integer picoseconds."""

from __future__ import annotations

from typing import Final

PS_PER_NS: Final = 1_000
PS_PER_US: Final = 1_000_000
PS_PER_S: Final = 1_000_000_000_000
