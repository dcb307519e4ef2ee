"""Lays out sequences of priced tables for :mod:`costmodel.cpu.lanes`, and reads what it found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from costmodel.arrays import Ints
from costmodel.cpu.lanes import (
    AGAIN,
    STATE_LENGTH,
    TICKS,
    LaidPrograms,
    LaneResults,
    LaneRoom,
    Lanes,
    PricedTables,
    run_lanes,
)
from costmodel.cpu.parameters import Parameters
from costmodel.cpu.stack import CAUSES, Charges, Group, TableCost
from costmodel.cpu.state import Reach, empty_state, state_length
from costmodel.cpu.table import KEPT
from costmodel.cpu.window import (
    BROADCAST_TICKS,
    BROADCASTS,
    COUNTERS,
    Costs,
    Window,
    new_window,
    records,
)

if TYPE_CHECKING:
    from costmodel.cpu.engine import Priced
    from costmodel.cpu.program import Program

_MOST = 16
"""How many states of a lane there is room for at first: nearly all repeat after six tables."""
_MORE = 8
"""How many times as much room there is next for the lanes that need more."""


class Tables(NamedTuple):
    """The costs of the tables of a lane, and all in order; see :class:`costmodel.cpu.Timing`."""

    costs: tuple[TableCost, ...]
    groups: tuple[Group, ...]


@dataclass(frozen=True)
class Lane:
    """A sequence of priced tables on one machine, each executed so many times in a row."""

    parameters: Parameters
    priced: Sequence[Priced]
    counts: Sequence[int]


def computed(lanes: Sequence[Lane]) -> list[Tables]:
    """Return what lanes cost, in their order."""
    found = {at: Tables((), ()) for at, lane in enumerate(lanes) if not lane.priced}
    most = _MOST
    while left := [number for number in range(len(lanes)) if number not in found]:
        registers = lanes[left[0]].parameters.miss_registers
        alike = [at for at in left if lanes[at].parameters.miss_registers == registers]
        known = _in_room([lanes[number] for number in alike], most)
        found |= {alike[at]: tables for at, tables in known.items()}
        most = _MOST if len(known) == len(alike) else most * _MORE
    return [found[number] for number in range(len(lanes))]


def _in_room(lanes: Sequence[Lane], most: int) -> dict[int, Tables]:
    """Return what those lanes cost, by number, which have no more states than ``most``."""
    different = [list({id(priced): priced for priced in lane.priced}.values()) for lane in lanes]
    priced = [each for of_lane in different for each in of_lane]
    programs = list({id(each.program): each.program for each in priced}.values())
    tables = _priced_tables(lanes, different, programs)
    asked = _asked(lanes, different)
    totals = COUNTERS + CAUSES + max(len(each.weights) for each in priced)
    segments = max(len(each.program.segments) for each in priced)
    length = max([totals + 2, asked.empty.shape[1], *tables.which[:, STATE_LENGTH].tolist()])
    room = LaneRoom(
        states=np.empty((most, length), np.int64),
        after=np.empty((most, max(map(len, different))), np.int64),
        seen=np.empty(most, np.int64),
        scratch=np.empty((2 * KEPT + 1, length), np.int64),
    )
    found = LaneResults(
        counts=np.full((len(lanes), 2), -1, np.int64),
        steps=np.zeros((len(lanes), most, TICKS + segments + totals), np.int64),
        order=np.zeros((len(lanes), 4 * most, 3), np.int64),
    )
    window = _rings()._replace(misses=np.zeros(lanes[0].parameters.miss_registers, np.int64))
    run_lanes(_programs(programs), tables, asked, window, room, found)
    return {
        lane: _tables(priced, found.steps[lane, :steps].tolist(), found.order[lane, :entries])
        for lane, (steps, entries) in enumerate(found.counts.tolist())
        if steps >= 0
    }


@cache
def _rings() -> Window:
    """Return the one window of the process: making it takes long."""
    return new_window(0)


def _programs(programs: Sequence[Program]) -> LaidPrograms:
    rows, parts = ([0, *accumulate(map(len, each))] for each in
                   ([p.code for p in programs], [p.parts for p in programs]))  # fmt: skip
    which = [
        (rows[at], rows[at + 1], parts[at], parts[at + 1], *_reach(program))
        for at, program in enumerate(programs)
    ]
    return LaidPrograms(
        code=_joined([program.code for program in programs]),
        parts=_joined([program.parts for program in programs]),
        which=np.array(which, np.int64),
    )


def _joined(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return arrays one behind the other; of one alone no copy is made."""
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _reach(program: Program) -> Reach:
    return Reach(
        program.longest_back, program.forwards_back, program.streams, program.requests_back
    )


def _priced_tables(
    lanes: Sequence[Lane], different: Sequence[Sequence[Priced]], programs: Sequence[Program]
) -> PricedTables:
    """Return the priced tables of all lanes; ``different`` holds those of each lane."""
    number = {id(program): at for at, program in enumerate(programs)}
    which, first, page = [], 0, 0
    for lane, priced in zip(lanes, different, strict=True):
        for each in priced:
            end, last_page = first + len(each.costs.access), page + len(each.costs.page)
            length = state_length(lane.parameters, _reach(each.program))
            segments = len(each.program.segments)
            which.append((number[id(each.program)], length, segments, first, end, page, last_page))
            first, page = end, last_page
    costs = (each.costs for priced in different for each in priced)
    return PricedTables(
        costs=Costs(*(_joined(parts) for parts in zip(*costs, strict=True))),
        which=np.array(which, np.int64),
    )


def _asked(lanes: Sequence[Lane], different: Sequence[Sequence[Priced]]) -> Lanes:
    which: list[tuple[int, int, int, int]] = []
    runs: list[tuple[int, int]] = []
    base = 0
    empty = [empty_state(lane.parameters) for lane in lanes]
    for lane, priced, state in zip(lanes, different, empty, strict=True):
        number = {id(each): base + at for at, each in enumerate(priced)}
        first = len(runs)
        runs += [(number[id(each)], n) for each, n in zip(lane.priced, lane.counts, strict=True)]
        which.append((first, len(runs), base, len(state)))
        base += len(priced)
    padded = np.zeros((len(lanes), max(map(len, empty))), np.int64)
    for row, state in zip(padded, empty, strict=True):
        row[: len(state)] = state
    return Lanes(
        parameters=parameter_records([lane.parameters for lane in lanes]),
        which=np.array(which, np.int64),
        runs=np.array(runs, np.int64).reshape(-1, 2),
        empty=padded,
    )


def parameter_records(parameters: Sequence[Parameters]) -> Any:
    """Return parameters as records, in which form compiled code takes them."""
    found = records(Parameters, len(parameters))
    found[:] = [tuple(each) for each in parameters]
    return found


def _tables(priced: Sequence[Priced], steps: Sequence[Sequence[int]], order: Ints) -> Tables:
    """Return the costs of a lane from what compiled code found, see :class:`LaneResults`."""
    costs: list[TableCost] = []
    known: dict[tuple[int, ...], int] = {}
    cost_of: list[int] = []
    for table, _, *ticks in steps:
        key = table, *ticks
        if key not in known:
            segments = len(priced[table].program.segments)
            cost = table_cost(priced[table], ticks[:segments], ticks[segments:])
            if cost not in costs:
                costs.append(cost)
            known[key] = costs.index(cost)
        cost_of.append(known[key])
    return Tables(tuple(costs), tuple(_in_order(order, cost_of)))


def _in_order(order: Ints, cost_of: Sequence[int]) -> Iterator[Group]:
    """Yield the tables in order."""
    single: list[tuple[int, int]] = []
    for step, back, times in order.tolist():
        if step != AGAIN:
            single.append((cost_of[step], 1))
            continue
        yield tuple(single), 1
        yield tuple(single[len(single) - back :]), times
        single = []
    yield tuple(single), 1


def table_cost(priced: Priced, segments: Sequence[int], totals: Sequence[int]) -> TableCost:
    """Return what an engine counted as the cost of a table: ticks of segments, and totals."""
    by_name: dict[str, int] = {}
    for name, ticks in zip(priced.program.segments, segments, strict=True):
        by_name[name] = by_name.get(name, 0) + ticks
    classes = COUNTERS + CAUSES
    return TableCost(
        segments=by_name,
        charges=Charges(
            tuple(totals[COUNTERS:classes]),
            tuple(totals[classes : classes + len(priced.weights)]),
            priced.weights,
        ),
        broadcasts=totals[BROADCASTS],
        broadcast_ticks=totals[BROADCAST_TICKS],
    )
