"""The fast engine: computes page tables of one shape until the state of the window repeats."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from costmodel.code.trace import TableRun, Trace
from costmodel.config.machine import Machine
from costmodel.cpu.caches import alike, class_costs, footprint_bytes, reuse_of
from costmodel.cpu.parameters import Parameters, parameters_of, relevant
from costmodel.cpu.program import Program, program_of
from costmodel.cpu.reuse import Ints
from costmodel.cpu.stack import CAUSES, Cause, TableCost, Timing, shared_out
from costmodel.cpu.state import Reach, empty_state, state_length
from costmodel.cpu.table import KEPT, run_table
from costmodel.cpu.tlb import blocks_of, footprint_pages, fresh_pages, page_ticks
from costmodel.cpu.window import (
    BROADCAST_TICKS,
    BROADCASTS,
    COUNTERS,
    Costs,
    Window,
    new_window,
)

LISTED = 4096
"""The most tables of repeating groups that are listed in their order."""
_KNOWN = 256
_known: OrderedDict[Hashable, tuple[TableCost, ...]] = OrderedDict()
"""The latest answers. Most numbers that a what-if changes do not matter to most programs."""


@dataclass(frozen=True)
class Priced:
    """A program with the costs of its accesses on one machine, for one workload."""

    program: Program
    costs: Costs
    weights: tuple[dict[Cause, int], ...]

    def key(self) -> Hashable:
        """Return everything but the parameters that decides the ticks and their causes."""
        weights = tuple(tuple(each.items()) for each in self.weights)
        return self.program.key, *(part.tobytes() for part in self.costs), weights


def priced_programs(
    runs: Sequence[TableRun], machine: Machine, parameters: Parameters
) -> list[Priced]:
    """Return one program per run; runs with equal traces and equal costs share one object."""
    line_bytes = machine.caches.line_bytes.value
    bytes_ = footprint_bytes(runs, line_bytes)
    pages = footprint_pages(runs, blocks_of(machine))
    footprints = bytes_, pages
    made: dict[tuple[object, float], Priced] = {}
    same: dict[Hashable, Priced] = {}
    priced: list[Priced] = []
    for run in runs:
        reuse = bytes_ if run.reuse_bytes is None else run.reuse_bytes
        key = (run.trace.token, reuse)
        if key not in made:
            made[key] = _priced(run.trace, machine, parameters, reuse, footprints)
        priced.append(same.setdefault(made[key].key(), made[key]))
    return priced


def _priced(
    trace: Trace,
    machine: Machine,
    parameters: Parameters,
    reuse: float,
    footprints: tuple[float, float],
) -> Priced:
    """Return the priced program of a trace.

    ``reuse`` is the number of bytes touched since lines used once per round were touched last,
    ``footprints`` the bytes and pages that a round touches.
    """
    bytes_, pages = footprints
    distances = reuse_of(trace, machine.caches.line_bytes.value).distances
    access = class_costs(distances, reuse, machine, parameters, round_bytes=bytes_)
    page = page_ticks(fresh_pages(trace, blocks_of(machine)), pages, machine, parameters)
    classes = alike(tuple(weights.items()) for weights in access.weights)
    page_classes = alike(page.tolist())
    program = program_of(trace, machine, classes, page_classes)
    first = [classes.index(number) for number in range(max(classes) + 1)]
    page_first = [page_classes.index(number) for number in range(max(page_classes) + 1)]
    costs = Costs(
        access=access.ticks[first],
        misses=access.misses[first],
        holds=access.holds[first],
        gaps=access.gaps[first],
        page=page[page_first],
    )
    return Priced(program, costs, tuple(access.weights[number] for number in first))


def run(runs: Sequence[TableRun], machine: Machine) -> Timing:
    """Return what the page tables of ``runs`` cost on a machine, one after the other.

    Nothing is approximated: a cost is used again only if the window is in the same state as when
    the same rows were executed before.
    """
    parameters = parameters_of(machine)
    priced = priced_programs(runs, machine, parameters)
    parts = tuple((each.key(), run.count) for each, run in zip(priced, runs, strict=True))
    ops = frozenset().union(*(each.program.ops for each in priced))
    key = relevant(parameters, ops), parts
    if key not in _known:
        _known[key] = _tables(runs, priced, parameters)
        if len(_known) > _KNOWN:
            _known.popitem(last=False)
    return Timing(_known[key], machine.core.clock_ghz.value)


def _tables(
    runs: Sequence[TableRun], priced: Sequence[Priced], parameters: Parameters
) -> tuple[TableCost, ...]:
    """Return the costs of the tables in order; neighbours of equal cost are merged."""
    sequence = _Sequence(parameters, _window(parameters.miss_registers))
    tables: list[TableCost] = []
    for run_, each in zip(runs, priced, strict=True):
        for cost, count in sequence.repeat(each, run_.count):
            if tables and replace(tables[-1], count=0) == cost:
                tables[-1] = replace(tables[-1], count=tables[-1].count + count)
            else:
                tables.append(replace(cost, count=count))
    return tuple(tables)


def _window(miss_registers: int) -> Window:
    """Return a window whose state can be set.

    Its rings are those of the last one: making them takes long, and they have five megabytes.
    """
    return _rings()._replace(misses=np.zeros(miss_registers, np.int64))


@cache
def _rings() -> Window:
    return new_window(0)


@dataclass
class _Sequence:
    """Numbers every state of the window that occurs, and remembers what follows from it."""

    parameters: Parameters
    window: Window
    states: list[Ints] = field(default_factory=list)
    number_of: dict[bytes, int] = field(default_factory=dict)
    known: dict[tuple[int, int], tuple[int, TableCost]] = field(default_factory=dict)
    current: int = 0

    def __post_init__(self) -> None:
        self._number(empty_state(self.parameters))

    def repeat(self, priced: Priced, count: int) -> list[tuple[TableCost, int]]:
        """Run a program ``count`` times; return the costs in order, each with its repetitions."""
        result: list[tuple[TableCost, int]] = []
        seen: dict[int, int] = {}
        done = 0
        while done < count:
            if self.current in seen:  # the tables since then repeat for ever
                cycle = result[seen[self.current] :]
                times = (count - done) // len(cycle)
                result += _repeated(cycle, times)
                done += times * len(cycle)
                seen.clear()
                continue
            seen[self.current] = len(result)
            result.append((self._step(priced), 1))
            done += 1
        return result

    def _step(self, priced: Priced) -> TableCost:
        key = (self.current, id(priced))
        if key not in self.known:
            state = self.states[self.current].copy()
            cost = self._table(priced, state)
            self.known[key] = (self._number(state), cost)
        self.current, cost = self.known[key]
        return cost

    def _table(self, priced: Priced, state: Ints) -> TableCost:
        """Run one table from ``state``, which is replaced by the state after it."""
        program, parameters = priced.program, self.parameters
        reach = Reach(
            program.longest_back, program.forwards_back, program.streams, program.requests_back
        )
        totals = np.zeros(COUNTERS + CAUSES + len(priced.weights), np.int64)
        segments = np.zeros(len(program.segments), np.int64)
        length = max(state_length(parameters, reach), len(totals) + 2)
        run_table(
            program.code, program.parts, reach, parameters, priced.costs, self.window, state,
            np.zeros((2 * KEPT + 1, length), np.int64), segments, totals,
        )  # fmt: skip
        return table_cost(priced, segments, totals)

    def _number(self, state: Ints) -> int:
        number = self.number_of.setdefault(state.tobytes(), len(self.states))
        if number == len(self.states):
            self.states.append(state)
        return number


def _repeated(cycle: list[tuple[TableCost, int]], times: int) -> list[tuple[TableCost, int]]:
    """Return a cycle of tables repeated; in order, unless the list would be too long."""
    if len(cycle) == 1 or len(cycle) * times > LISTED:
        return [(cost, times) for cost, _ in cycle if times]
    return cycle * times


def table_cost(priced: Priced, segments: Ints, totals: Ints) -> TableCost:
    """Return what an engine counted as the cost of a table, whose ``count`` is still 0."""
    stack: dict[Cause, int] = {}
    for cause in Cause:
        stack[cause] = int(totals[COUNTERS + cause])
    for ticks, weights in zip(totals[COUNTERS + CAUSES :], priced.weights, strict=True):
        for cause, share in shared_out(int(ticks), weights).items():
            stack[cause] += share
    by_name: dict[str, int] = {}
    for name, ticks in zip(priced.program.segments, segments, strict=True):
        by_name[name] = by_name.get(name, 0) + int(ticks)
    return TableCost(
        count=0,
        segments=by_name,
        stack_ticks={cause: ticks for cause, ticks in stack.items() if ticks},
        broadcasts=int(totals[BROADCASTS]),
        broadcast_ticks=int(totals[BROADCAST_TICKS]),
    )
