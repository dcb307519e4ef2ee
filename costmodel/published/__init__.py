"""Published measurements, copied with their sources and mapped to this package's names."""

from costmodel.published.matching import (
    change_against_pct,
    half_range_pct,
    implied_change_pct,
    is_compared,
    least_half_range_pct,
    loop_names,
    matching,
    matching_loop,
    roles_of_times,
)
from costmodel.published.rows import Metric, Role, Row, Table, all_rows, rows_by_id, tables

__all__ = [
    "Metric",
    "Role",
    "Row",
    "Table",
    "all_rows",
    "change_against_pct",
    "half_range_pct",
    "implied_change_pct",
    "is_compared",
    "least_half_range_pct",
    "loop_names",
    "matching",
    "matching_loop",
    "roles_of_times",
    "rows_by_id",
    "tables",
]
