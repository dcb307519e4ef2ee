"""Runs the model of the out-of-order window row by row, and notes the times of every micro-op in a
stretch of a trace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from costmodel.arrays import Ints
from costmodel.code.trace import TableRun, Trace
from costmodel.code.uops import Kind, Subkind, Target
from costmodel.config.machine import Machine
from costmodel.cpu import columns as c
from costmodel.cpu.batch import parameter_records
from costmodel.cpu.engine import Priced, priced_programs
from costmodel.cpu.parameters import Parameters, parameters_of
from costmodel.cpu.pipeline import advance
from costmodel.cpu.stack import CAUSES, Cause, shared_out
from costmodel.cpu.window import COUNTERS, Window, new_window
from costmodel.units import TICKS_PER_CYCLE


@dataclass(frozen=True)
class MicroOpTimes:
    """One micro-op on its way through the out-of-order window.

    Times are in ticks (``TICKS_PER_CYCLE`` of them make a core cycle) since the first dispatch that
    is shown. ``row`` is the micro-op's row in the trace. ``ready`` is when its last input was done,
    and not before ``dispatch``. ``drain`` is when a store left the store queue; None for all other
    micro-ops. ``producer`` is the trace row of the input that was done last, None if all inputs
    were there at dispatch. ``wait_cause`` says what held back the start after ``ready``, None if
    nothing did. ``charged`` are the ticks that its retirement added to the CPI stack, by cause.
    """

    row: int
    kind: Kind
    subkind: Subkind
    target: Target
    address: int
    dispatch: int
    ready: int
    start: int
    done: int
    retire: int
    drain: int | None
    producer: int | None
    wait_cause: Cause | None
    mispredicted: bool
    charged: dict[Cause, int]


@dataclass(frozen=True)
class Timeline:
    """A stretch of the micro-ops of one page table on one machine, in program order."""

    micro_ops: tuple[MicroOpTimes, ...]
    clock_ghz: float
    ptes: int | None = None
    """How many entries the stretch handles; None if it is the whole table, entries untouched."""
    build: str = ""
    """Name of the kernel build whose code it is."""

    @property
    def shows(self) -> str:
        """What the stretch handles, in words: ``4 PTEs``."""
        if self.ptes is None:
            return "a whole page table"
        return "one PTE" if self.ptes == 1 else f"{self.ptes} PTEs"

    @property
    def cycles(self) -> float:
        """Cycles from the first dispatch to the last retirement."""
        last = max((op.retire for op in self.micro_ops), default=0)
        return last / TICKS_PER_CYCLE


def timeline(
    runs: Sequence[TableRun], machine: Machine, *, first: int, end: int, table: int = 0
) -> Timeline:
    """Return the times of trace rows ``first`` to ``end`` (exclusive) of ``runs[table]``.

    The model starts the table with an empty window and runs it up to ``first`` before it notes
    anything; caches, predictors and TLB are in their steady state. What fuses with the branch
    behind it has no times of its own and is left out. Raises ValueError for rows that the trace
    does not have.
    """
    trace = runs[table].trace
    if not 0 <= first < end <= len(trace):
        raise ValueError(f"rows must lie in 0..{len(trace)} (got {first}..{end})")
    parameters = parameters_of(machine)
    priced = priced_programs(runs, machine, parameters)[table]
    rows = priced.program.trace_rows()
    bounds = np.searchsorted(rows, [first, end])
    stretch = _Stretch(trace, priced, parameters, int(bounds[0]), int(bounds[1]))
    return Timeline(tuple(stretch.micro_ops()), machine.core.clock_ghz.value)


class _Stretch:
    """Rows of a program that are run one by one."""

    def __init__(
        self, trace: Trace, priced: Priced, parameters: Parameters, first: int, end: int
    ) -> None:
        self.trace = trace
        self.priced = priced
        self.p = parameter_records([parameters])[0]
        self.first, self.end = first, end
        self.code, _ = priced.program.unrolled()
        self.trace_rows = priced.program.trace_rows()
        self.window: Window = new_window(parameters.miss_registers)
        self.totals = np.zeros(COUNTERS + CAUSES + len(priced.weights), np.int64)
        self.done: list[int] = []
        self.zero = 0

    def micro_ops(self) -> Iterator[MicroOpTimes]:
        """Run the rows before the stretch at once, those of the stretch one at a time."""
        self._advance(0, self.first)
        for row in range(self.first, self.end):
            before = self.totals.copy()
            stores = int(self.window.now[0].store)
            self._advance(row, row + 1)
            if row == self.first:
                self.zero = int(self.window.now[0].cycle)
            yield self._times(row, self.totals - before, stores)
            self.done.append(int(self.window.now[0].finish))

    def _advance(self, first: int, end: int) -> None:
        advance(self.code, first, end, self.p, self.priced.costs, self.window, self.totals)

    def _times(self, row: int, charged: Ints, stores: int) -> MicroOpTimes:
        now, zero, trace = self.window.now[0], self.zero, self.trace
        at = int(self.trace_rows[row])
        dispatch = int(now.cycle)
        ready, producer = self._ready(row, dispatch)
        return MicroOpTimes(
            row=at,
            kind=Kind(int(trace.kind[at])),
            subkind=Subkind(int(trace.subkind[at])),
            target=Target(int(trace.target[at])),
            address=int(trace.address[at]),
            dispatch=dispatch - zero,
            ready=ready - zero,
            start=int(now.start) - zero,
            done=int(now.finish) - zero,
            retire=int(now.retired) - zero,
            drain=int(now.drained) - zero if now.store > stores else None,
            producer=producer,
            wait_cause=Cause(int(now.wait_cause)) if now.waited else None,
            mispredicted=bool(self.code[row, c.REDIRECTS] == c.MISPREDICTED),
            charged=self._charged(charged),
        )

    def _ready(self, row: int, dispatch: int) -> tuple[int, int | None]:
        """Return when all inputs are done, and the trace row of the one that was done last.

        Inputs that were computed before the stretch count as done at dispatch: their times were not
        noted. The row is None if no input was later than dispatch.
        """
        ready, producer = dispatch, None
        for back in self.code[row, c.INPUT : c.INPUT + c.INPUTS].tolist():
            older = row - back
            if back and older >= self.first and self.done[older - self.first] > ready:
                ready = self.done[older - self.first]
                producer = int(self.trace_rows[older])
        return ready, producer

    def _charged(self, ticks: Ints) -> dict[Cause, int]:
        stack = {cause: int(ticks[COUNTERS + cause]) for cause in Cause}
        late = ticks[COUNTERS + CAUSES :].tolist()
        for part, weights in zip(late, self.priced.weights, strict=True):
            for cause, share in shared_out(part, weights).items():
                stack[cause] += share
        return {cause: part for cause, part in stack.items() if part}
