"""How far builds of one source lie apart in the published measurements."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from statistics import median

from costmodel.published.rows import Metric, Role, Row, all_rows


@cache
def half_range_pct(machine: str, operation: str, order: int) -> float | None:
    """Return half of the range of the published change of one source in several builds.

    It is in percentage points; of several strategies the median is returned. None where no row of
    the machine, operation and folio order is marked as one of another compiler or code layout (role
    ``band``).
    """
    by_strategy: dict[str, list[Row]] = {}
    for row in all_rows():
        place = (row.machine, row.operation, row.order)
        if place == (machine, operation, order) and row.strategy and row.metric is Metric.REL_PCT:
            by_strategy.setdefault(row.strategy, []).append(row)
    ranges = [_half(rows) for rows in by_strategy.values() if _has_builds(rows)]
    return median(ranges) if ranges else None


def least_half_range_pct(machines: Iterable[str], operation: str, order: int) -> float:
    """Return the smallest :func:`half_range_pct` of several machines; 0 where none has one."""
    known = (half_range_pct(machine, operation, order) for machine in machines)
    return min((half for half in known if half is not None), default=0.0)


def _has_builds(rows: Iterable[Row]) -> bool:
    return len({row.mean for row in rows}) > 1 and any(row.role is Role.BAND for row in rows)


def _half(rows: Iterable[Row]) -> float:
    means = [row.mean for row in rows]
    return (max(means) - min(means)) / 2
