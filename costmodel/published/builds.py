"""How far builds of one source were measured to lie apart, by the published rows."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from statistics import median

from costmodel.published.rows import Metric, Role, Row, all_rows


@cache
def half_range_pct(machine: str, operation: str, order: int) -> float | None:
    """Return half of the range of the published change of one source in several builds.

    In points, of the middle strategy where there are more; None where no machine row says that it
    is of another compiler or code layout (role ``band``).
    """
    by_strategy: dict[str, list[Row]] = {}
    for row in all_rows():
        place = (row.machine, row.operation, row.order)
        if place == (machine, operation, order) and row.strategy and row.metric is Metric.REL_PCT:
            by_strategy.setdefault(row.strategy, []).append(row)
    ranges = [_half(rows) for rows in by_strategy.values() if _has_builds(rows)]
    return median(ranges) if ranges else None


def least_half_range_pct(machines: Iterable[str], operation: str, order: int) -> float:
    """Return the least of several machines; 0 where nothing was published of any."""
    known = (half_range_pct(machine, operation, order) for machine in machines)
    return min((half for half in known if half is not None), default=0.0)


def _has_builds(rows: Iterable[Row]) -> bool:
    return len({row.mean for row in rows}) > 1 and any(row.role is Role.BAND for row in rows)


def _half(rows: Iterable[Row]) -> float:
    means = [row.mean for row in rows]
    return (max(means) - min(means)) / 2
