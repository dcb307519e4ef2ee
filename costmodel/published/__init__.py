"""The project's own copy of the published measurements, mapped to its words."""

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

__all__ = ["Metric", "Role", "Row", "Table", "all_rows", "has_times", "matching", "tables"]
