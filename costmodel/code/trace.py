"""Traces: the micro-ops that a strategy executes, as arrays that the core runs."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from costmodel.code.regions import LAST_MET, LastMet
from costmodel.code.sequences import numbered
from costmodel.code.uops import Kind, Target
from costmodel.disk_cache import kept, kept_on_disk
from costmodel.units import LINE_BYTES

NO_PRODUCER = -1
"""Value in ``Trace.inputs`` for an input without a producer in this trace."""
NO_ADDRESS = -1
"""Value in ``Trace.address`` for a micro-op that touches no memory."""

_ONCE: Final = LAST_MET >= LastMet.ROUND
"""For each target, whether every table touches it anew: page tables and struct pages."""

ADDRESS, DATA, FLAGS, MEMORY = slice(0, 2), slice(2, 4), 3, 4
"""Columns of ``Trace.inputs``."""


@dataclass(frozen=True)
class Trace:
    """``n`` micro-ops in program order; row ``i`` of every array belongs to micro-op ``i``.

    kind        uint8[n]     a :class:`costmodel.code.uops.Kind`
    subkind     uint8[n]     a :class:`costmodel.code.uops.Subkind`
    inputs      int32[n, 5]  rows of the producers, -1 for none. Memory micro-ops: columns 0, 1 are
                             address inputs, 2, 3 data inputs. Others: 0..2 registers, 3 flags.
                             Column 4: youngest older store, rmw or zero row that wrote any byte
                             that this load or rmw reads.
    address     int64[n]     synthetic byte address, -1 for none; targets never share a line (struct
                             pages that are BUDDY have the addresses of PAGE)
    size_bytes  int16[n]
    target      uint8[n]     a :class:`costmodel.code.uops.Target`
    taken       int8[n]      1 or 0 for conditional branches, else -1
    site        int32[n]     static instruction (micro-ops of one instruction share it)
    step_start  int32[m]     first row of each step (a step is one ``yield`` of the strategy)
    step_id     int32[m]     number of the step's kind: steps of equal id have the same rows up
                             to addresses and producers
    step_names  event that ends the steps of each id, where ids stand for recorded steps; an id
                beyond the end is a hand-written micro-op
    token       tells this trace from any other, in the keys of what is made from it; a text where
                other processes can make the same trace, see :func:`later`
    segments    names of consecutive parts (``"table"``, ``"copy"``, ...) to their row ranges
    """

    kind: NDArray[np.uint8]
    subkind: NDArray[np.uint8]
    inputs: NDArray[np.int32]
    address: NDArray[np.int64]
    size_bytes: NDArray[np.int16]
    target: NDArray[np.uint8]
    taken: NDArray[np.int8]
    site: NDArray[np.int32]
    step_start: NDArray[np.int32]
    step_id: NDArray[np.int32]
    step_names: tuple[str, ...]
    segments: tuple[tuple[str, int, int], ...]
    token: object = field(default_factory=object, init=False, compare=False, repr=False)

    def __len__(self) -> int:
        """Return the number of micro-ops."""
        return len(self.kind)

    @property
    def line(self) -> NDArray[np.int64]:
        """The 64-byte line of each micro-op, int64[n]; -1 where it touches no memory."""
        return kept((self.token, "line"), self._line)

    def _line(self) -> NDArray[np.int64]:
        line: NDArray[np.int64] = np.where(
            self.address >= 0, self.address // LINE_BYTES, NO_ADDRESS
        )
        return line

    def kinds(self) -> Mapping[str, int]:
        """Return the number of micro-ops of each kind, by its name in lower case."""
        return self._known.kinds

    def touches(self, target: Target) -> bool:
        """Tell whether any micro-op touches a target."""
        return target in self._known.targets

    @property
    def lines(self) -> int:
        """How many values ``line`` has: the 64-byte lines that are touched, and none."""
        return self._known.lines

    @property
    def lines_once(self) -> int:
        """How many lines of page tables and struct pages are touched: what each table has anew."""
        return kept_on_disk((self.token, "lines once"), self._lines_once)

    def _lines_once(self) -> int:
        return len(numbered(self.line[_ONCE[self.target]])[1])

    @property
    def _known(self) -> _Totals:
        return kept_on_disk((self.token, "totals"), self._totals)

    def _totals(self) -> _Totals:
        counts = np.bincount(self.kind, minlength=len(Kind)).tolist()
        return _Totals(
            {kind.name.lower(): counts[kind] for kind in Kind if counts[kind]},
            frozenset(np.flatnonzero(np.bincount(self.target)).tolist()),
            len(numbered(self.line)[1]),
        )


@dataclass(frozen=True)
class _Totals:
    """What is asked of whole traces."""

    kinds: Mapping[str, int]
    targets: frozenset[int]
    lines: int


class _LaterTrace(Trace):
    """A trace whose rows are made when they are first asked for."""

    def __getattr__(self, name: str) -> Any:
        """Return a column of the trace, which :func:`later` leaves out."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(vars(self)["_make"](), name)


def later(said: Hashable, make: Callable[[], Trace]) -> Trace:
    """Return a trace whose columns are those of ``make()``, called whenever one is asked for.

    The ``repr`` of ``said`` says all that the trace depends on but for this version of the package.
    What is made from it is kept on disk by its hash, so that mostly nobody asks for a column.
    ``make`` must keep what it makes.
    """
    trace = object.__new__(_LaterTrace)
    vars(trace).update(token=sha256(repr(said).encode()).hexdigest(), _make=make)
    return trace


@dataclass(frozen=True)
class TableRun:
    """``count`` page tables in a row that each execute ``trace``."""

    trace: Trace
    count: int
    ptes: int
    """The number of PTEs that one execution of the trace handles."""
    reuse_bytes: float | None = None
    """How many bytes were touched since earlier runs of the operation touched the lines that this
    trace touches anew. None: they are new to this run, and were last touched one round through the
    workload ago."""
    flushes: int = 0
    """How many TLB flushes all these executions force; traces do not contain them."""
    flushed_pages: int = 0
    """How many pages each of these flushes is for, in the mean."""


def ptes_of(runs: Iterable[TableRun]) -> int:
    """Return the number of PTEs that an operation handles, by which times per PTE are divided."""
    return sum(run.count * run.ptes for run in runs)
