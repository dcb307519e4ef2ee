"""A range as a sweep says it, on an axis of a break-even."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from costmodel.config.errors import ConfigError
from costmodel.explaining.axes import Axis
from costmodel.explaining.breakeven_map import POINTS
from costmodel.sweeps.axes import Number, SweepAxis


def along(axis: Axis, asked: SweepAxis) -> Axis:
    """Return an axis with the values that an option names.

    Raises ConfigError for values that the number cannot have.
    """
    values = asked.values if asked.is_listed else _steps(axis, asked)
    low, high = axis.bounds
    wrong = [value for value in values if not _is_possible(axis, value)]
    if wrong:
        kind = "whole numbers that exist" if axis.is_integer else "numbers"
        reason = f"must be {kind} from {axis.short(low)} to {axis.short(high)}"
        got = ",".join(map(str, wrong)) if asked.is_listed else asked.text
        raise ConfigError.of("--over", reason, key=axis.key, got=got)
    return replace(axis, grid=tuple(sorted({float(value) for value in values})))


def _steps(axis: Axis, asked: SweepAxis) -> tuple[Number, ...]:
    low, high = (asked.low, asked.high) if asked.low is not None else axis.own or (None, None)
    if low is None or high is None:
        reason = "has no range of its own: name one, LOW..HIGH"
        raise ConfigError.of("--over", reason, key=axis.key)
    if asked.spacing == "log" and low <= 0:
        reason = "a logarithmic range must begin above 0"
        raise ConfigError.of("--over", reason, key=axis.key, got=f"{low:g}")
    steps = asked.at(np.linspace(0, 1, asked.count or POINTS), low, high).tolist()
    return tuple(axis.whole(step) if axis.is_integer else step for step in steps)


def _is_possible(axis: Axis, value: Number) -> bool:
    if isinstance(value, bool | str) or not axis.bounds[0] <= value <= axis.bounds[1]:
        return False
    return not axis.is_integer or axis.whole(value) == value
