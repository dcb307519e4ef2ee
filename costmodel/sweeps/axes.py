"""The axes of a sweep: numbers of machines or keys of the scenario, with values or a range."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from costmodel.config.document import parse_scalar
from costmodel.config.errors import ConfigError, Fault, Faults, describe
from costmodel.config.keys import leaves_by_key
from costmodel.config.machine import Machine, unknown_number
from costmodel.config.parameter import Parameter
from costmodel.config.schema import problem
from costmodel.config.sizes import size_in_bytes
from costmodel.explaining.axes import SHARE_KEYS
from costmodel.uncertainty.priors import priors

Spacing = Literal["linear", "log"]
Number = bool | int | float | str
OWN: Final = "own"
"""Stands for a range: from ``low`` to ``high`` as each machine file states them."""
UNCERTAIN: Final = "uncertain"
"""Stands for a key: all numbers of a machine that are not known exactly, each over its range."""
FORM: Final = "must be LOW..HIGH, LOW..HIGH:N, LOW..HIGH:N:log, own, own:N, or values"
_MOST_POINTS: Final = 1_000_000


@dataclass(frozen=True)
class SweepAxis:
    """One key that varies, over a list of values or a range.

    ``values`` is the list. Without it, ``low`` and ``high`` bound a range; both None stand for the
    range of each machine file. ``count`` is how many points a grid has along the range, ``spacing``
    whether they are even in the number or in its logarithm.
    """

    key: str
    values: tuple[Number, ...] = ()
    low: float | None = None
    high: float | None = None
    count: int | None = None
    spacing: Spacing = "linear"

    @property
    def is_listed(self) -> bool:
        """Whether the values are listed one by one."""
        return bool(self.values)

    @property
    def text(self) -> str:
        """The values or the range as the option ``--over`` takes it behind ``KEY=``."""
        if self.is_listed:
            return ",".join(json.dumps(v) if not isinstance(v, str) else v for v in self.values)
        ends = OWN
        if self.low is not None and self.high is not None:
            ends = f"{_typed(self.low)}..{_typed(self.high)}"
        more = [str(self.count)] if self.count else []
        return ":".join([ends, *more, *(["log"] if self.spacing == "log" else [])])

    def at(self, shares: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
        """Return the values at shares (0 to 1) of the way from ``low`` to ``high``, float64[n]."""
        if self.spacing == "log":
            return np.asarray(np.exp(np.log(low) + shares * (np.log(high) - np.log(low))))
        return np.asarray(low + shares * (high - low))


def sweep_axis_of(key: str, value: object) -> SweepAxis:
    """Return the axis that a key and its range or values mean.

    >>> sweep_axis_of("tlbi.broadcast_ns", "5..500:20:log").count
    20
    >>> sweep_axis_of("memory", ["64 MiB", "1 GiB"]).values
    ('64 MiB', '1 GiB')

    Raises a problem (a ValueError) for a value of another form.
    """
    if isinstance(value, list | tuple):
        return SweepAxis(key, values=_listed([_in_parts(key, each) for each in value]))
    value = _in_parts(key, value)
    if isinstance(value, str):
        if ".." in value or value.partition(":")[0].strip() == OWN:
            return _range(key, value)
        if "," in value:
            return SweepAxis(
                key, values=_listed([parse_scalar(v.strip()) for v in value.split(",")])
            )
    return SweepAxis(key, values=_listed([value]))


_PERCENT: Final = re.compile(r"(\d+(?:\.\d+)?)\s*%")


def _in_parts(key: str, value: object) -> object:
    """Return the value of a share with its percentages as numbers: ``10%..50%`` as 0.1..0.5.

    Values of other keys are returned as they are.
    """
    if key not in SHARE_KEYS or not isinstance(value, str):
        return value
    text = _PERCENT.sub(lambda found: f"{float(found[1]) / 100:g}", value)
    return value if text == value else parse_scalar(text)


def axes_of(over: Mapping[str, object]) -> tuple[SweepAxis, ...]:
    """Return the axes of a mapping from keys to ranges or values.

    Raises ConfigError with every fault.
    """
    found = []
    faults = []
    for key, value in over.items():
        try:
            found.append(sweep_axis_of(key, value))
        except ValueError as error:
            faults.append(Fault("over", key=str(key), reason=str(error), got=describe(value)))
    if faults:
        raise ConfigError(faults)
    return tuple(found)


_OPTION: Final = "--over"


def parse_over(texts: Iterable[str], *, faults: Faults | None = None) -> tuple[SweepAxis, ...]:
    """Return the axes of options such as ``KEY=LOW..HIGH:N``, ``KEY=a,b,c`` and ``KEY``.

    A key alone varies over the range of each machine file. Raises ConfigError with every fault, or
    adds them to ``faults`` and returns the other axes.
    """
    found: dict[str, SweepAxis] = {}
    collected = Faults() if faults is None else faults
    wrong = collected.found
    for text in texts:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not key or (equals and not value):
            wrong.append(Fault(_OPTION, reason="must have the form KEY=VALUES", got=describe(text)))
            continue
        if key in found:
            wrong.append(Fault(_OPTION, key=key, reason="is given twice", got=describe(text)))
            continue
        try:
            found[key] = sweep_axis_of(key, parse_scalar(value) if equals else OWN)
        except ValueError as error:
            wrong.append(Fault(_OPTION, key=key, reason=str(error), got=describe(value)))
    if faults is None:
        collected.tell()
    return tuple(found.values())


def spelled_out(axes: Sequence[SweepAxis], machines: Iterable[Machine]) -> tuple[SweepAxis, ...]:
    """Return the axes with ``uncertain`` replaced by an axis for each number it stands for."""
    found: dict[str, SweepAxis] = {}
    for axis in axes:
        if axis.key != UNCERTAIN:
            found[axis.key] = axis
            continue
        for machine in machines:
            for prior in priors(machine):
                found.setdefault(prior.key, SweepAxis(prior.key, count=axis.count))
    return tuple(found.values())


def owned_key(key: str, machine: Machine) -> str | None:
    """Return the key of a machine's number that an axis varies; None if the machine has none.

    The key of an axis may begin with the name of a machine.
    """
    inner = key.removeprefix(f"{machine.name}.")
    return inner if inner in leaves_by_key(Machine, machine.isa) else None


_LISTS: Final = {
    "--machine": ("machine", "machines"),
    "--strategy": ("strategy", "strategies"),
    "--order": ("order", "orders", "folio_order", "folio_orders"),
}
NO_AXES: Final = {
    word: f"is no axis: give {option} several times, all of them are computed at every point"
    for option, words in _LISTS.items()
    for word in words
} | {
    "builds": "is called build: --over build=NAME,NAME",
    "kernel": "is called build: --over build=NAME,NAME",
    "kernels": "is called build: --over build=NAME,NAME",
    "baseline": "is no axis, a sweep has one: give --baseline",
    "operation": "is no axis, a sweep has one: give --operation",
}
"""Why some keys that one may expect cannot vary, by key, and how to ask instead."""


def axis_faults(
    axes: Iterable[SweepAxis], machines: Mapping[str, Machine], *, grid: bool
) -> Iterator[tuple[str, str, str]]:
    """Yield (key, reason, offending value) for every axis that cannot vary a machine's number.

    ``grid`` says that every combination is computed, so that ranges need a number of points.
    """
    varied: dict[tuple[str, str], str] = {}
    for axis in axes:
        owners = [(m, key) for m in machines.values() if (key := owned_key(axis.key, m))]
        if not owners:
            isa = next(iter(machines.values())).isa
            reason = NO_AXES.get(axis.key) or unknown_number(axis.key, isa, more=(UNCERTAIN,))
            yield axis.key, reason, "" if axis.low is None else f"{axis.low:g}..{axis.high:g}"
        for machine, key in owners:
            other = varied.setdefault((machine.name, key), axis.key)
            if other != axis.key:
                yield axis.key, f"sets the same number as {other}: vary one of them", ""
            yield from _number_faults(axis, machine, key, grid=grid)


def _number_faults(
    axis: SweepAxis, machine: Machine, key: str, *, grid: bool
) -> Iterator[tuple[str, str, str]]:
    parameter = machine.parameters[key]
    if not axis.is_listed and not _is_ranged(parameter):
        yield axis.key, "has no range: list its values", describe(parameter.value)
        return
    if axis.is_listed:
        for value in axis.values:
            yield from _refused(machine, key, axis.key, value)
        return
    if grid and axis.count is None:
        yield axis.key, "a grid needs how many points: LOW..HIGH:N or own:N", ""
    if axis.spacing == "log" and bounds(axis, machine, key)[0] <= 0:
        yield (
            axis.key,
            "a logarithmic range must begin above 0",
            f"{bounds(axis, machine, key)[0]:g}",
        )
        return
    for end in bounds(axis, machine, key):
        whole = isinstance(parameter.value, int)
        yield from _refused(machine, key, axis.key, round(end) if whole else end)


def _refused(
    machine: Machine, key: str, name: str, value: Number
) -> Iterator[tuple[str, str, str]]:
    """Yield why a value alone cannot be that of a machine's number."""
    number = machine.parameters[key].value
    if isinstance(number, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    try:
        machine.with_value(key, value)
    except ConfigError as error:
        for fault in error.faults:
            if fault.key == f"{machine.name}.{key}":
                yield name, fault.reason, fault.got


def _is_ranged(parameter: object) -> bool:
    return (
        isinstance(parameter, Parameter)
        and isinstance(parameter.value, int | float)
        and not isinstance(parameter.value, bool)
    )


def bounds(axis: SweepAxis, machine: Machine, key: str) -> tuple[float, float]:
    """Return both ends of an axis's range on a machine; ``key`` is the number on that machine."""
    if axis.low is None or axis.high is None:
        parameter = machine.parameters[key]
        return float(parameter.low), float(parameter.high)
    return axis.low, axis.high


def _typed(end: float) -> str:
    """Return a number as one types it, with all its digits: 4 for 4.0."""
    return repr(end).removesuffix(".0")


def _range(key: str, text: str) -> SweepAxis:
    ends, *more = (part.strip() for part in text.split(":"))
    count, spacing = _count_and_spacing(more)
    if ends == OWN:
        return SweepAxis(key, count=count, spacing=spacing)
    low, _, high = (part.strip() for part in ends.partition(".."))
    first, last = _end(low), _end(high)
    if first >= last:
        raise problem("must begin below its end")
    return SweepAxis(key, low=first, high=last, count=count, spacing=spacing)


def _count_and_spacing(more: Sequence[str]) -> tuple[int | None, Spacing]:
    spacing: Spacing = "linear"
    if more and more[-1] in ("linear", "log"):
        spacing = "log" if more[-1] == "log" else "linear"
        more = more[:-1]
    if not more:
        return None, spacing
    if len(more) > 1 or not more[0].isdigit() or not 2 <= int(more[0]) <= _MOST_POINTS:
        raise problem(FORM)
    return int(more[0]), spacing


def _end(text: str) -> float:
    value = parse_scalar(text) if text else None
    if isinstance(value, str) and text[0].isdigit():
        value = size_in_bytes(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise problem(FORM)
    return float(value)


def _listed(values: Sequence[object]) -> tuple[Number, ...]:
    found: list[Number] = []
    for value in values:
        if not isinstance(value, bool | int | float | str) or value == "":
            raise problem(FORM)
        if value in found:
            raise problem("lists a value twice")
        found.append(value)
    if not found:
        raise problem(FORM)
    return tuple(found)
