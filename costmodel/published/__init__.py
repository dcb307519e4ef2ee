"""Published measurements, copied with their sources and mapped to this package's names."""

from costmodel.published.builds import half_range_pct, least_half_range_pct
from costmodel.published.loops import ThroughputRow, loop_names, loop_rows, matching_loop
from costmodel.published.rows import (
    Metric,
    Role,
    Row,
    Table,
    all_rows,
    has_times,
    matching,
    tables,
)

__all__ = [
    "Metric",
    "Role",
    "Row",
    "Table",
    "ThroughputRow",
    "all_rows",
    "half_range_pct",
    "has_times",
    "least_half_range_pct",
    "loop_names",
    "loop_rows",
    "matching",
    "matching_loop",
    "tables",
]
