"""The axes of ``breakeven``: numbers of the machine or the workload, within their bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Final

import numpy as np

from costmodel.config.errors import ConfigError, describe
from costmodel.config.keys import Leaf, leaves_by_key
from costmodel.config.machine import Machine, unknown_number
from costmodel.config.parameter import Choice, Parameter, ParameterLike
from costmodel.config.sizes import size_text
from costmodel.config.workload import ORDERS, Workload
from costmodel.experiment import Cell
from costmodel.quantity import quantity, three_digits
from costmodel.units import LARGEST_ORDER

SHARE_KEYS: Final = ("folio_share", "holes")
"""Keys whose values are shares of the memory: 0.3, or 30 %."""
WORKLOAD_KEYS: Final = ("folio_order", *SHARE_KEYS, "cpus", "threads", "between_us", "memory")
TLBI_PRICE: Final = "tlbi_ns"
"""Key of the whole cost of one TLBI that is waited for: issue and broadcast, scaled together."""
TLBI_PARTS: Final = ("tlbi.issue_ns", "tlbi.broadcast_ns")
TABLE_BYTES: Final = 2 << 20
"""Memory that one page table maps; the axis ``memory`` varies in whole tables."""
MOST_MEMORY_BYTES: Final = 1 << 40
MOST_TLBI_NS: Final = 1e5
MOST_BETWEEN_US: Final = 1e6
_STEPS: Final = 24
_SPREAD: Final = 2.0
"""Factor between neighbours in the grid of a machine number."""
_MOST_PLAIN: Final = 1e5
"""Whole numbers below it are written with all their digits."""
_SHARE_STEPS: Final = 2
_HOLES: Final = (0.0, 0.25, 0.5, 0.75, 0.9, 0.99)
"""The grid of the share of memory that was never touched."""
_ORDERS: Final = (0.0, 2.0, 3.0, 4.0, 5.0, 7.0, float(LARGEST_ORDER))
"""The grid of folio orders. Small orders differ most, and to trace all nine takes long."""

Pair = tuple[Cell, Cell]
"""The cell of a strategy and that of its baseline."""


@dataclass(frozen=True)
class Axis:
    """A number that varies.

    ``grid`` ascends from bound to bound. ``now`` is the present value, which the grid contains;
    None where there is none. ``is_integer``: only multiples of ``step`` make sense. ``apply`` sets
    the number in a pair of cells, and raises ConfigError where other numbers of the machine forbid
    the value. ``text`` returns a value with its unit, for messages.
    """

    key: str
    grid: tuple[float, ...]
    now: float | None
    is_integer: bool
    apply: Callable[[Pair, float], Pair]
    text: Callable[[float], str]
    step: int = 1
    gaps: tuple[int, ...] = ()
    """Whole numbers between the bounds that do not exist."""
    own: tuple[float, float] | None = None
    """From low to high, where the machine file says that the number is not known exactly."""

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the largest value."""
        return self.grid[0], self.grid[-1]

    @property
    def sets(self) -> tuple[str, ...]:
        """The keys of the numbers that ``apply`` sets."""
        if self.key in ("folio_order", "folio_share"):
            return ("folio_orders",)
        return TLBI_PARTS if self.key == TLBI_PRICE else (self.key,)

    def short(self, x: float) -> str:
        """Return a value without its unit, which the key says; sizes and shares have theirs."""
        if self.key == "memory" or self.key.endswith("_bytes"):
            return size_text(round(x))
        if self.key in SHARE_KEYS:
            return f"{three_digits(100 * x)}%"
        plain = float(x).is_integer() and abs(x) < _MOST_PLAIN
        return f"{x:.0f}" if plain else three_digits(x)

    def spread(self, low: float, high: float, count: int) -> tuple[float, ...]:
        """Return about ``count`` values from ``low`` to ``high``, the present one among them.

        They are evenly spaced in the logarithm where the larger end is several times the smaller.
        """
        if low > 0 and high > _SPREAD * low:
            steps = np.geomspace(low, high, count)
        else:
            steps = np.linspace(low, high, count)
        now = [self.now] if self.now is not None and low <= self.now <= high else []
        if self.is_integer:
            return tuple(sorted({*map(self.whole, steps.tolist()), *now}))
        if now and len(steps) > 2:
            # In the place of its neighbour: two values that nearly agree would both have a column.
            inside = steps[1:-1]
            inside = np.delete(inside, np.argmin(np.abs(inside - now[0])))
            steps = np.array([low, *inside, high])
        return tuple(sorted({*steps.tolist(), *now}))

    def between(self, low: int, high: int) -> int | None:
        """Return a number of steps in the middle of two others; None where none is left."""
        middle = (low + high) // 2
        possible = (x for x in (middle, middle + 1) if low < x < high and x not in self.gaps)
        return next(possible, None)

    def whole(self, x: float) -> float:
        """Return the nearest whole number of steps that exists, as a value; of two the larger."""
        steps = round(x / self.step)
        return float(self.step * (steps + (steps in self.gaps)))

    @property
    def is_continuous(self) -> bool:
        """Whether values between two others make sense."""
        return not self.is_integer


def axis_of(key: str, pair: Pair, *, large_order: int = LARGEST_ORDER) -> Axis:
    """Return the axis of a key for a pair of cells.

    A key is one of ``WORKLOAD_KEYS``, ``TLBI_PRICE`` or the dotted key of a machine's number.
    ``large_order`` is the order of the large folios of ``folio_share``. Raises ConfigError for an
    unknown key and for one that is no number.
    """
    machine = pair[0].machine
    if key == "folio_order":
        return _folio_order(pair)
    if key == "folio_share":
        return _folio_share(pair, large_order)
    if key == "holes":
        return _holes(pair)
    if key in ("cpus", "threads"):
        return _cpus(pair, key)
    if key == "between_us":
        return _between(pair)
    if key == "memory":
        return _memory(pair)
    if key == TLBI_PRICE:
        return _tlbi_price(pair)
    check_key(key, machine)
    inner = key.removeprefix(f"{machine.name}.")
    leaf = leaves_by_key(Machine, machine.isa)[inner]
    if issubclass(leaf.type, Choice) or not _is_number(machine, inner):
        reason = "is no number: compare the two by --set"
        raise ConfigError.of("--over", reason, key=inner)
    return _machine_number(pair, leaf)


def check_key(key: str, machine: Machine) -> None:
    """Raise ConfigError for the key of an axis that neither machine nor workload has."""
    inner = key.removeprefix(f"{machine.name}.")
    known = (*WORKLOAD_KEYS, TLBI_PRICE)
    if inner in Workload.model_fields and inner not in known:
        reason = f"only costmodel sweep varies it; here: {', '.join(known)}, numbers of the machine"
        raise ConfigError.of("--over", reason, key=inner)
    if inner not in known and inner not in leaves_by_key(Machine, machine.isa):
        reason = unknown_number(inner, machine.isa, more=known)
        raise ConfigError.of("--over", reason, got=describe(key))


def check_apart(axes: Sequence[Axis]) -> None:
    """Raise ConfigError where two axes set the same number, so that one would undo the other."""
    for one, other in combinations(axes, 2):
        if both := [key for key in one.sets if key in other.sets]:
            if one.key == other.key:
                raise ConfigError.of("--over", "is given twice", key=one.key)
            reason = f"{one.key} and {other.key} both set {', '.join(both)}: vary one of them"
            raise ConfigError.of("--over", reason)


def _is_number(machine: Machine, key: str) -> bool:
    return isinstance(machine.parameters[key].value, int | float)


def _folio_order(pair: Pair) -> Axis:
    now = pair[0].workload.folio_order
    return Axis(
        "folio_order",
        grid=_ORDERS,
        now=None if now is None else float(now),
        is_integer=True,
        apply=lambda cells, x: _with_workload(cells, folio_orders={round(x): 1.0}),
        text=lambda x: f"order-{x:.0f}",
        gaps=tuple(order for order in range(LARGEST_ORDER) if order not in ORDERS),
    )


def _folio_share(pair: Pair, order: int) -> Axis:
    if not order:
        raise ConfigError.of("--order", "folio_share needs the order of the large folios, 2 to 9")

    def apply(cells: Pair, x: float) -> Pair:
        mix = {0: 1 - x, order: x}
        return _with_workload(cells, folio_orders={o: s for o, s in mix.items() if s})

    return Axis(
        "folio_share",
        grid=tuple(i / _SHARE_STEPS for i in range(_SHARE_STEPS + 1)),
        now=None,
        is_integer=False,
        apply=apply,
        text=lambda x: f"{three_digits(100 * x)}% in order-{order} folios",
    )


def _holes(pair: Pair) -> Axis:
    now = pair[0].workload.holes
    return Axis(
        "holes",
        grid=tuple(sorted({*_HOLES, now})),
        now=now,
        is_integer=False,
        apply=lambda cells, x: _with_workload(cells, holes=float(x)),
        text=lambda x: f"{three_digits(100 * x)}%",
    )


def _cpus(pair: Pair, key: str) -> Axis:
    """Return the axis of processes or threads, up to as many as the machine has CPUs for."""
    workload = pair[0].workload
    now: int = getattr(workload, key)
    most = pair[0].machine.tlbi.cpus_online.value // (workload.cpus_in_use // now)
    word = "CPU" if key == "cpus" else "thread"
    return Axis(
        key,
        grid=_whole(1, most, now, 1),
        now=float(now),
        is_integer=True,
        apply=lambda cells, x: _with_workload(cells, **{key: round(x)}),
        text=lambda x: f"{x:.0f} {word}{'s' * (round(x) != 1)}",
    )


def _between(pair: Pair) -> Axis:
    now = pair[0].workload.between_us
    return Axis(
        "between_us",
        grid=_geometric(0.0, MOST_BETWEEN_US, now),
        now=now,
        is_integer=False,
        apply=lambda cells, x: _with_workload(cells, between_us=float(x)),
        text=lambda x: quantity(x, "between_us"),
    )


def _memory(pair: Pair) -> Axis:
    now = pair[0].workload.memory_bytes
    return Axis(
        "memory",
        grid=_whole(TABLE_BYTES, MOST_MEMORY_BYTES, now, TABLE_BYTES),
        now=float(now),
        is_integer=True,
        apply=lambda cells, x: _with_workload(cells, memory_bytes=round(x)),
        text=lambda x: size_text(round(x)),
        step=TABLE_BYTES,
    )


def _tlbi_price(pair: Pair) -> Axis:
    isa, tlbi = pair[0].machine.isa, pair[0].machine.tlbi
    if isa != "arm64":
        reason = f"is not used on {isa}: arm64 only"
        raise ConfigError.of("--over", reason, got=describe(TLBI_PRICE))
    issue, broadcast = tlbi.issue_ns.value, tlbi.broadcast_ns.value
    now = issue + broadcast
    own = (tlbi.issue_ns.low + tlbi.broadcast_ns.low, tlbi.issue_ns.high + tlbi.broadcast_ns.high)

    def apply(cells: Pair, x: float) -> Pair:
        values = {"tlbi.issue_ns": issue * x / now, "tlbi.broadcast_ns": broadcast * x / now}
        machine = cells[0].machine.with_values(values, origin="--over")
        return replace(cells[0], machine=machine), replace(cells[1], machine=machine)

    return Axis(
        TLBI_PRICE,
        grid=_geometric(0.0, MOST_TLBI_NS, now),
        now=now,
        is_integer=False,
        apply=apply,
        text=lambda x: quantity(x, TLBI_PRICE),
        own=own if own[0] < own[1] else None,
    )


def _machine_number(pair: Pair, leaf: Leaf) -> Axis:
    parameter = pair[0].machine.parameters[leaf.key]
    now = parameter.value
    low, high = (leaf.bounds.low, leaf.bounds.high) if leaf.bounds else (now / 2**12, now * 2**12)
    whole = isinstance(now, int)

    def apply(cells: Pair, x: float) -> Pair:
        value: Any = round(x) if whole else float(x)
        machine = cells[0].machine.with_value(leaf.key, value, origin="--over")
        return replace(cells[0], machine=machine), replace(cells[1], machine=machine)

    grid = _whole(int(low), int(high), now, 1) if whole else _geometric(low, high, now)
    is_size = leaf.key.endswith("_bytes")
    return Axis(
        leaf.key,
        grid=grid,
        now=float(now),
        is_integer=whole,
        apply=apply,
        text=lambda x: size_text(round(x)) if is_size else quantity(x, leaf.key),
        own=_own(parameter),
    )


def _own(parameter: ParameterLike) -> tuple[float, float] | None:
    if not isinstance(parameter, Parameter) or parameter.low >= parameter.high:
        return None
    return float(parameter.low), float(parameter.high)


def _geometric(low: float, high: float, now: float) -> tuple[float, ...]:
    """Return the bounds, and between them the present value times powers of two."""
    centre = now or min(1.0, high)
    steps = [centre * _SPREAD**k for k in range(-_STEPS // 2, _STEPS + 1)]
    return tuple(sorted({low, high, now, *(x for x in steps if low < x < high)}))


def _whole(low: int, high: int, now: int, step: int) -> tuple[float, ...]:
    """Return roughly geometric whole numbers from ``low`` to ``high``, ``now`` among them."""
    values, x = {low, high, now}, low
    while x < high:
        values.add(x)
        x = max(x + step, 2 * x)
    return tuple(float(value) for value in sorted(values) if low <= value <= high)


def _with_workload(cells: Iterable[Cell], **changes: Any) -> Pair:
    first, second = (
        replace(cell, workload=cell.workload.model_copy(update=changes)) for cell in cells
    )
    return first, second
