"""Executes sequences of page tables on many machines in one call of compiled code.

Each sequence has a *lane*. Its tables are computed until their states repeat; the lanes have
nothing to do with each other, and use one window one after the other.
"""

from __future__ import annotations

from collections.abc import MutableSequence
from typing import NamedTuple

from costmodel.arrays import Ints
from costmodel.cpu import columns as c
from costmodel.cpu.parameters import Parameters
from costmodel.cpu.stack import CAUSES
from costmodel.cpu.state import Reach
from costmodel.cpu.table import begins_with, run_table
from costmodel.cpu.window import COUNTERS, Costs, Window
from costmodel.jit import hot, standalone

AGAIN = -1
"""In an order, in the place of a step: tables come again."""
# Columns of the arrays below.
FIRST_ROW, END_ROW, FIRST_PART, END_PART, REACH = range(5)
PROGRAM, STATE_LENGTH, SEGMENTS, FIRST_CLASS, END_CLASS, FIRST_PAGE, END_PAGE = range(7)
FIRST_RUN, END_RUN, FIRST_PRICED, EMPTY_LENGTH = range(4)
TABLE, NEXT, TICKS = range(3)


class LaidPrograms(NamedTuple):
    """Programs one behind the other; ``which`` says where each is."""

    code: c.Code
    """The rows of all, int16[rows, COLUMNS]."""
    parts: Ints
    """The parts of all, int64[parts, 4], see :class:`costmodel.cpu.program.Program`."""
    which: Ints
    """int64[programs, REACH + 4]: first row, end; first part, end; the :class:`Reach`."""


class PricedTables(NamedTuple):
    """Programs with the costs of their classes on a machine, one behind the other."""

    costs: Costs
    """The costs of all classes."""
    which: Ints
    """int64[tables, 7]: program; length of a state in it; number of segments; first class of
    accesses, end; first class of pages, end."""


class Lanes(NamedTuple):
    """What is to be computed. All machines have as many miss registers as the window."""

    parameters: MutableSequence[Parameters]
    """The machine of each lane."""
    which: Ints
    """int64[lanes, 4]: first run, end; first priced table; length of a state between tables."""
    runs: Ints
    """int64[runs, 2]: a priced table, how often it is executed."""
    empty: Ints
    """int64[lanes, n]: the state in which nothing is in flight."""


class LaneRoom(NamedTuple):
    """Memory for one lane."""

    states: Ints
    """The states that occurred, int64[most, n]."""
    after: Ints
    """int64[most, priced tables of a lane]: the step from a state by a table; -1 for none."""
    seen: Ints
    """int64[most]: how many tables of the run came before a state; -1 for a state that did not
    occur in it."""
    scratch: Ints
    """See :func:`costmodel.cpu.table.run_table`."""


class LaneResults(NamedTuple):
    """What was computed. A *step* is a table executed from a state that was new to it."""

    counts: Ints
    """int64[lanes, 2]: the number of steps, and of entries of the order. It must be -1
    before, which stays for a lane that needs more room."""
    steps: Ints
    """int64[lanes, most, n]: priced table; state behind it; ticks of each segment; counters, ticks
    of each cause, and of each class of accesses. It must be 0 before."""
    order: Ints
    """int64[lanes, entries, 3]: a step, 0, 0; or ``AGAIN``, how many of the tables before, how
    often these come again."""


@standalone
def run_lanes(
    programs: LaidPrograms,
    priced: PricedTables,
    lanes: Lanes,
    w: Window,
    room: LaneRoom,
    found: LaneResults,
) -> None:
    """Compute the tables of every lane, the first one from the state where nothing is in flight."""
    for lane in range(len(lanes.which)):
        _lane(lane, programs, priced, lanes, w, room, found)


@hot
def _lane(
    lane: int, programs: LaidPrograms, priced: PricedTables, lanes: Lanes, w: Window,
    room: LaneRoom, found: LaneResults,
) -> None:  # fmt: skip
    steps, order = found.steps[lane], found.order[lane]
    base = lanes.which[lane, FIRST_PRICED]
    length = lanes.which[lane, EMPTY_LENGTH]
    _copy(lanes.empty[lane], room.states[0], length)
    _fill(room.after[0])
    states, made, entries, current = 1, 0, 0, 0
    for run in range(lanes.which[lane, FIRST_RUN], lanes.which[lane, END_RUN]):
        table, count = lanes.runs[run, 0], lanes.runs[run, 1]
        _fill(room.seen[:states])
        done = 0
        while done < count:
            if entries == len(order):
                return
            if room.seen[current] >= 0:  # the tables since then repeat for ever
                cycle = done - room.seen[current]
                times = (count - done) // cycle
                order[entries, 0], order[entries, 1], order[entries, 2] = AGAIN, cycle, times
                entries += 1
                done += times * cycle
                _fill(room.seen[:states])
                continue
            room.seen[current] = done
            step = room.after[current, table - base]
            if step < 0:
                if states == len(room.states) or made == len(steps):
                    return
                step = made
                made += 1
                room.after[current, table - base] = step
                new = room.states[states, :length]
                _copy(room.states[current], new, length)
                steps[step, TABLE] = table
                p = lanes.parameters[lane]
                _table(table, programs, priced, p, w, new, room.scratch, steps[step])
                steps[step, NEXT] = _number(room.states, states, new)
                if steps[step, NEXT] == states:
                    room.seen[states] = -1
                    _fill(room.after[states])
                    states += 1
            order[entries, 0] = step
            entries += 1
            current = steps[step, NEXT]
            done += 1
    found.counts[lane, 0], found.counts[lane, 1] = made, entries


@hot
def _table(
    table: int, programs: LaidPrograms, priced: PricedTables, p: Parameters, w: Window, state: Ints,
    scratch: Ints, step: Ints,
) -> None:  # fmt: skip
    """Execute a table from ``state``, which is replaced by the state after it."""
    of_table = priced.which[table]
    of_program = programs.which[of_table[PROGRAM]]
    first, end = of_table[FIRST_CLASS], of_table[END_CLASS]
    costs = Costs(
        priced.costs.access[first:end],
        priced.costs.misses[first:end],
        priced.costs.holds[first:end],
        priced.costs.gaps[first:end],
        priced.costs.page[of_table[FIRST_PAGE] : of_table[END_PAGE]],
    )
    reach = Reach(
        of_program[REACH], of_program[REACH + 1], of_program[REACH + 2], of_program[REACH + 3]
    )
    totals = TICKS + of_table[SEGMENTS]
    run_table(
        programs.code[of_program[FIRST_ROW] : of_program[END_ROW]],
        programs.parts[of_program[FIRST_PART] : of_program[END_PART]],
        reach, p, costs, w, state, scratch, of_table[STATE_LENGTH],
        step[TICKS:totals], step[totals : totals + COUNTERS + CAUSES + end - first],
    )  # fmt: skip


@hot
def _number(states: Ints, count: int, new: Ints) -> int:
    """Return the number of the state, of the first ``count``, that equals a new one; or else
    ``count``."""
    for number in range(count):
        if begins_with(states[number], new):
            return number
    return count


@hot
def _copy(source: Ints, target: Ints, length: int) -> None:
    for i in range(length):
        target[i] = source[i]


@hot
def _fill(target: Ints) -> None:
    for i in range(len(target)):
        target[i] = -1
