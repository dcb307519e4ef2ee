"""How far the time of other kernel builds may lie from that of the one which was priced.

The same source by another compiler, or in another code layout, takes another time. Where a strategy
was recorded of several builds, these say how far they lie apart. Where it was recorded of one, the
widest range of any strategy of its kind (entry by entry, or in batches) stands for it, on the same
machine and at the same orders. The strategies of fork serve all operations for that. No range is
taken to be narrower than what was measured: half of the range of one source in several builds on
this machine (``costmodel.published``) or, where nobody published that, the narrowest such range of
any machine of its architecture.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from costmodel import published
from costmodel.config.machine import Machine, load_machine
from costmodel.config.resources import names
from costmodel.config.scenario import Protocol
from costmodel.config.workload import Workload, states_of
from costmodel.disk_cache import ByIdentity
from costmodel.experiment.builds import (
    Match,
    Seconds,
    common_builds,
    in_the,
    is_named,
    own_builds,
)
from costmodel.experiment.cell import Cell, named_strategy
from costmodel.experiment.pace import exact_seconds
from costmodel.operations.registry import DEFAULT
from costmodel.uncertainty.spread import Interval
from costmodel.units import GIB

DoubtSource = Literal["own", "others", "none"]
CERTAIN: Interval = (0.0, 0.0)
"""The interval where the user named the build: no other one is meant."""
_ENDS = (0, 9)
"""The folio orders at which other builds were recorded."""
_MEMORY_BYTES = GIB
"""Size of the mapping on which builds are compared: that of nearly all published measurements, and
the default of the program."""


@dataclass(frozen=True)
class BuildDoubt:
    """How far other builds may lie below and above: differences of natural logarithms.

    ``seconds`` is about the time, ``change`` about the ratio to the baseline's time.
    """

    seconds: Interval = CERTAIN
    change: Interval = CERTAIN
    source: DoubtSource = "none"
    """Which builds say it: ``own``, those of the strategy; ``others``, those of its kind; ``none``,
    because the user named the build."""


def doubt_of(match: Match, seconds: Seconds = exact_seconds) -> BuildDoubt:
    """Return how far other builds may lie from the two cells of a match, in time and in change."""
    cell = match.new
    least = measured_log(cell.machine, recorded_orders(cell.workload))
    change = _of_change(match, seconds)
    if _without_loop(cell.workload) and _same_code(match, seconds):
        return BuildDoubt((-least, least))
    itself = match.new == match.base
    return BuildDoubt(
        _at_least(least, _of_time(match, seconds)),
        CERTAIN if itself else _at_least(least, change),
        _source(match),
    )


def _without_loop(workload: Workload) -> bool:
    """Tell whether no entry is handled: strategies then differ in what lies around at most."""
    return workload.maps_pmds and set(workload.folio_orders) == {9}


def _same_code(match: Match, seconds: Seconds) -> bool:
    """Tell whether both cells execute the same; what mappings cost is a number of the machine."""
    new, base = (
        replace(each, workload=each.workload.model_copy(update={"vmas": None}))
        for each in (match.new, match.base)
    )
    return seconds(new) == seconds(base)


def _source(match: Match) -> DoubtSource:
    if match.builds is not None:
        return "own"
    new, base = match.asked
    if match.new == match.base and len(own_builds(new)) > 1:
        return "own"
    return "none" if is_named(new) and (is_named(base) or not match.is_across) else "others"


def _of_time(match: Match, seconds: Seconds) -> Interval:
    asked = match.asked[0]
    if is_named(asked):
        return CERTAIN
    builds = own_builds(asked)
    if len(builds) < 2:
        return between_two_builds(asked, seconds)
    shown = seconds(match.new)
    return _around(math.log(seconds(in_the(build, asked)) / shown) for build in builds)


def _of_change(match: Match, seconds: Seconds) -> Interval:
    named = [is_named(cell) for cell in match.asked]
    if match.builds is not None:
        shown = 1 + match.builds.shown_pct / 100
        changes = match.builds.changes_pct.values()
        return _around(math.log((1 + change / 100) / shown) for change in changes)
    if all(named) or (any(named) and not match.is_across):
        return CERTAIN
    return _either_way(widest(match.asked[0], seconds).change)


def measured_log(machine: Machine, orders: tuple[int, ...]) -> float:
    """Return by how much builds of one source were measured to differ, as a natural logarithm.

    It is half of the measured range, at the one of ``orders`` where that is widest.
    """
    return math.log1p(
        max(_measured_pct(machine.name, machine.isa, order) for order in orders) / 100
    )


@lru_cache(maxsize=64)
def _measured_pct(machine: str, isa: str, order: int) -> float:
    own = published.half_range_pct(machine, DEFAULT, order)
    if own is not None:
        return own
    alike = [name for name in sorted({row.machine for row in published.all_rows()})
             if name in names("machines") and load_machine(name).isa == isa]  # fmt: skip
    return published.least_half_range_pct(alike, DEFAULT, order)


def _at_least(least: float, interval: Interval) -> Interval:
    low, high = interval
    return min(low, -least), max(high, least)


def between_two_builds(cell: Cell, seconds: Seconds = exact_seconds) -> Interval:
    """Return the interval of the logarithm of the ratio of two builds of one source."""
    return _either_way(widest(cell, seconds).seconds)


@dataclass(frozen=True)
class BuildKind:
    """A class of strategies whose builds stand for each other, on a machine at some folio orders.

    ``one_by_one``: those that handle entries one by one, else those that batch.
    """

    machine: ByIdentity[Machine]
    orders: tuple[int, ...]
    one_by_one: bool


@dataclass(frozen=True)
class Widest:
    """The widest range over builds, as differences of logarithms: of a time, and of a change."""

    seconds: float
    change: float


def widest(cell: Cell, seconds: Seconds = exact_seconds) -> Widest:
    """Return the widest range over builds that any strategy of a cell's kind has."""
    return _widest(kind_of_cell(cell), ByIdentity(seconds))


def kind_of_cell(cell: Cell) -> BuildKind:
    """Return the class of strategies whose builds stand for those of a cell."""
    orders = recorded_orders(cell.workload)
    return BuildKind(ByIdentity(cell.machine), orders, named_strategy(cell).one_by_one)


@lru_cache(maxsize=64)
def _widest(kind: BuildKind, seconds: ByIdentity[Seconds]) -> Widest:
    times, changes = [0.0], [0.0]
    for cells in compared_builds(kind):
        logs = [
            (math.log(seconds.value(new)), math.log(seconds.value(base))) for new, base in cells
        ]
        times.append(_span(new for new, _ in logs))
        changes.append(_span(new - base for new, base in logs))
    return Widest(max(times), max(changes))


def compared_builds(kind: BuildKind) -> Iterator[list[tuple[Cell, Cell]]]:
    """Yield lists of cells with their baselines: one pair for each build of a strategy.

    There is a list for each strategy of the class with several builds, at each order.
    """
    from costmodel.strategies.catalogue import built_in

    machine, strategies = kind.machine.value, built_in(DEFAULT)
    first, *others = (name for name, s in strategies.items() if machine.isa in s.programs)
    alike = [name for name in others if strategies[name].one_by_one == kind.one_by_one]
    for order in kind.orders:
        workload = Workload(
            operation=DEFAULT,
            memory_bytes=_MEMORY_BYTES,
            folio_orders={order: 1.0},
            state=states_of(DEFAULT)[0],
        )
        base = Cell(machine, workload, first, Protocol())
        for name in alike:
            new = Cell(machine, workload, name, Protocol())
            builds = common_builds(new, base)
            if len(builds) > 1:
                yield [(in_the(build, new), in_the(build, base)) for build in builds]


def recorded_orders(workload: Workload) -> tuple[int, ...]:
    """Return the orders of recorded builds that a workload lies at or between: 0, 9 or both."""
    alike = set(workload.folio_orders) <= {0}, set(workload.folio_orders) <= {9}
    return tuple(order for order, only in zip(_ENDS, alike, strict=True) if only) or _ENDS


def _around(logs: Iterable[float]) -> Interval:
    found = [0.0, *logs]
    return min(found), max(found)


def _span(logs: Iterable[float]) -> float:
    found = list(logs)
    return max(found) - min(found)


def _either_way(width: float) -> Interval:
    return -width, width
