"""What a sweep varies: a number of machines or a key of the scenario, listed or along a range."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from costmodel.config.document import parse_scalar
from costmodel.config.errors import ConfigError, Fault, describe
from costmodel.config.keys import leaves_by_key
from costmodel.config.machine import Machine, unknown_number
from costmodel.config.parameter import Parameter
from costmodel.config.schema import problem
from costmodel.config.sizes import size_in_bytes
from costmodel.uncertainty.priors import priors

Spacing = Literal["linear", "log"]
Number = bool | int | float | str
OWN: Final = "own"
"""Instead of a range: from low to high as each machine file has it."""
UNCERTAIN: Final = "uncertain"
"""Instead of a key: every number of a machine that is not known exactly, over its own range."""
FORM: Final = "must be LOW..HIGH, LOW..HIGH:N, LOW..HIGH:N:log, own, own:N, or values"
_MOST_POINTS: Final = 1_000_000


@dataclass(frozen=True)
class SweepAxis:
    """One key that varies.

    ``values`` are listed ones. Else ``low`` and ``high`` bound a range; both None stands for the
    range that each machine file has. ``count`` is how many points a grid has along the range.
    """

    key: str
    values: tuple[Number, ...] = ()
    low: float | None = None
    high: float | None = None
    count: int | None = None
    spacing: Spacing = "linear"

    @property
    def is_listed(self) -> bool:
        """Whether the values are named one by one."""
        return bool(self.values)

    @property
    def text(self) -> str:
        """The axis as an option has it after its key."""
        if self.is_listed:
            return ",".join(json.dumps(v) if not isinstance(v, str) else v for v in self.values)
        ends = OWN if self.low is None else f"{self.low!r}..{self.high!r}"
        more = [str(self.count)] if self.count else []
        return ":".join([ends, *more, *(["log"] if self.spacing == "log" else [])])

    def at(self, shares: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
        """Return the values at shares of the way from ``low`` to ``high``, float64[n]."""
        if self.spacing == "log":
            return np.asarray(np.exp(np.log(low) + shares * (np.log(high) - np.log(low))))
        return np.asarray(low + shares * (high - low))


def sweep_axis_of(key: str, value: object) -> SweepAxis:
    """Return the axis that a key and its text or list of values mean.

    Raises a problem for what has none of the forms.
    """
    if isinstance(value, list | tuple):
        return SweepAxis(key, values=_listed(value))
    if isinstance(value, str):
        if ".." in value or value.partition(":")[0].strip() == OWN:
            return _range(key, value)
        if "," in value:
            return SweepAxis(
                key, values=_listed([parse_scalar(v.strip()) for v in value.split(",")])
            )
    return SweepAxis(key, values=_listed([value]))


def axes_of(over: Mapping[str, object], *, origin: str = "over") -> tuple[SweepAxis, ...]:
    """Return the axes of a mapping from keys to values; raise ConfigError with every fault."""
    found = []
    faults = []
    for key, value in over.items():
        try:
            found.append(sweep_axis_of(key, value))
        except ValueError as error:
            faults.append(Fault(origin, key=str(key), reason=str(error), got=describe(value)))
    if faults:
        raise ConfigError(faults)
    return tuple(found)


def parse_over(texts: Iterable[str], *, origin: str = "--over") -> tuple[SweepAxis, ...]:
    """Return the axes of options: ``KEY=LOW..HIGH:N``, ``KEY=a,b,c``, ``KEY``.

    A key alone varies over its own range. Raises ConfigError with every fault.
    """
    found: dict[str, SweepAxis] = {}
    faults = []
    for text in texts:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not key or (equals and not value):
            faults.append(Fault(origin, reason="must have the form KEY=VALUES", got=describe(text)))
            continue
        if key in found:
            faults.append(Fault(origin, key=key, reason="is given twice", got=describe(text)))
            continue
        try:
            found[key] = sweep_axis_of(key, parse_scalar(value) if equals else OWN)
        except ValueError as error:
            faults.append(Fault(origin, key=key, reason=str(error), got=describe(value)))
    if faults:
        raise ConfigError(faults)
    return tuple(found.values())


def spelled_out(axes: Sequence[SweepAxis], machines: Iterable[Machine]) -> tuple[SweepAxis, ...]:
    """Return the axes with ``uncertain`` replaced by the numbers that it stands for."""
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
    """Return the key of a machine that an axis varies; None if it is another machine's."""
    inner = key.removeprefix(f"{machine.name}.")
    return inner if inner in leaves_by_key(Machine, machine.isa) else None


def axis_faults(
    axes: Iterable[SweepAxis], machines: Mapping[str, Machine], *, grid: bool
) -> Iterator[tuple[str, str, str]]:
    """Yield key, reason and value for every axis of a machine number that cannot be had."""
    for axis in axes:
        owners = [(m, key) for m in machines.values() if (key := owned_key(axis.key, m))]
        if not owners:
            isa = next(iter(machines.values())).isa
            reason = unknown_number(axis.key, isa, more=(UNCERTAIN,))
            yield axis.key, reason, "" if axis.low is None else f"{axis.low:g}..{axis.high:g}"
        for machine, key in owners:
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
    """Yield why a number by itself is none for this machine."""
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
    """Return both ends of a range on a machine."""
    if axis.low is None or axis.high is None:
        parameter = machine.parameters[key]
        return float(parameter.low), float(parameter.high)
    return axis.low, axis.high


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


__all__ = [
    "FORM",
    "OWN",
    "UNCERTAIN",
    "Number",
    "SweepAxis",
    "axes_of",
    "axis_faults",
    "bounds",
    "owned_key",
    "parse_over",
    "spelled_out",
    "sweep_axis_of",
]
