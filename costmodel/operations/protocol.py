"""What an operation on page tables is to the rest of the program: one object with these members.

This module and the registry import nothing of the program, so that every part may ask them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from costmodel.code.trace import TableRun
    from costmodel.config.machine import Machine
    from costmodel.config.workload import Workload
    from costmodel.mm.build import Memory
    from costmodel.mm.layout import Layout
    from costmodel.mm.operation import TableOperation
    from costmodel.mm.shapes import ShapedSpace, TableShape
    from costmodel.mm.state import PteState
    from costmodel.mm.violations import DirtyRule, Violation
    from costmodel.operations.shared.strategy import Function, Strategy
    from costmodel.recorder.recorded import RecordedEvents


@dataclass(frozen=True)
class Words:
    """What users read and write about an operation.

    ``title``: one line on what it does. ``states``: how it finds the entries, or what calls for
    it; the first is the default. ``unused_keys``: numbers of machine files that it does not use,
    though another operation does. ``frames``: how folios lie unless a question says otherwise, as
    they do in published rows. ``loop``: what results call the part of the time that the loop over
    page tables takes. ``built_in``: names of the states that other builds were recorded in, where
    not just in the first. ``has_vmas``: the number of mappings matters, not only what they map.
    """

    title: str
    states: tuple[PteState, ...]
    unused_keys: tuple[str, ...] = ()
    frames: Literal["contiguous", "scattered"] = "contiguous"
    loop: str = "loop"
    built_in: tuple[str, ...] = ()
    has_vmas: bool = False

    @property
    def built_states(self) -> tuple[str, ...]:
        """Names of the states that other builds of a strategy were recorded in."""
        return self.built_in or (self.states[0].name,)


@dataclass(frozen=True)
class FlushRequest:
    """A flush that other CPUs of the address space take part in.

    ``pages``: how many are flushed, in units of what one entry maps; None for all.
    ``frees_tables``: page tables go with it, so that idle CPUs must not use them any more.
    """

    pages: int | None = None
    frees_tables: bool = False


@dataclass(frozen=True)
class OutsideCost:
    """Something that an operation does outside the page tables, ``count`` times in a row.

    ``causes_ps``: picoseconds of one execution by cause, as CPI stacks name it. ``broadcast_ps``:
    those of them that go out to the interconnect, and so may wait for other CPUs. ``flush``: the
    flush at its end, if there is one.
    """

    causes_ps: Mapping[str, int]
    broadcast_ps: int = 0
    count: int = 1
    flush: FlushRequest | None = None

    @property
    def layout_ps(self) -> int:
        """Picoseconds of one execution that move with the physical layout, as noise scales it."""
        return sum(self.causes_ps.values()) - self.broadcast_ps


@dataclass(frozen=True)
class Surroundings:
    """What lies around the loop over page tables.

    ``per_table`` are picoseconds by cause that each page table takes beside what is executed.
    """

    before: tuple[OutsideCost, ...] = ()
    per_table: Mapping[str, int] = field(default_factory=dict)
    after: tuple[OutsideCost, ...] = ()


@dataclass(frozen=True)
class SharedWork:
    """What one operation does to things that CPUs share, beside its flushes.

    ``address_space``: how it holds the lock of the address space: ``write`` from beginning to end;
    ``write, read``: for writing outside the page tables and for reading in them; ``read``.
    ``tables``: page tables that it takes from the page allocator, or gives back. ``freed``: folios
    of each order that it gives back; the process faults them in again before it can do the same
    once more. ``folio_updates``: changes of reference and mapping counts of folios. ``calls``:
    system calls, each of which takes the lock and drains what the CPU gathered.
    """

    address_space: Literal["write", "write, read", "read"] = "write"
    tables: int = 0
    freed: Mapping[int, int] = field(default_factory=dict)
    folio_updates: int = 0
    calls: int = 1


@dataclass(frozen=True)
class Announced:
    """Primitives that a strategy must announce when it calls them, with the event that each is.

    ``folios`` are methods of the operation; ``tables`` are those of the tables that it hands out,
    by side and name. They are what a check of a strategy's price counts.
    """

    folios: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[tuple[str, str], str] = field(default_factory=dict)


class Operation(ABC):
    """An operation, such as ``fork``: subclass it and :func:`register` an instance."""

    name: str
    words: Words
    events: tuple[str, ...]
    """Events of its recorded steps in their order on one entry or batch."""
    event_before: str
    """The event that lies behind a page table when the walk over it begins."""
    announced = Announced()

    @property
    def steps(self) -> Traversable:
        """The folder with the step archives of recorded programs."""
        return resources.files(type(self).__module__.rpartition(".")[0]) / "data"

    def state(self, name: str) -> PteState:
        """Return the state of a name.

        Raises KeyError for one that the operation cannot find, and ValueError where a part of it
        is wrong.
        """
        known = {state.name: state for state in self.words.states}
        return known[name] if name in known else self.other_state(name)

    def other_state(self, name: str) -> PteState:
        """Return a state that is said in parts, see :mod:`costmodel.config.parts`: here none."""
        raise KeyError(name)

    def maps_pmds(self, state: str | None) -> bool:
        """Tell whether it was recorded with folios that PMDs map, in a state (None: in any)."""
        return False

    @abstractmethod
    def strategies(self) -> Sequence[Strategy]:
        """Return the built-in strategies; the first is the baseline where none is named."""

    @abstractmethod
    def begin(
        self, memory: Memory, *, contpte: bool = False, resizes_freely: bool = False
    ) -> TableOperation:
        """Return what strategies get: the operation about to happen to a process.

        ``contpte``: the kernel uses the contiguous bit. ``resizes_freely``: the CPU lets it change
        without break-before-make.
        """

    def memory_of(self, function: Function, shape: TableShape, *, contpte: bool) -> Memory:
        """Return a process with one table, as the strategy ``function`` finds it."""
        return shape.build()

    @abstractmethod
    def trace(
        self, strategy: Strategy, program: str, isa: str, space: ShapedSpace
    ) -> Iterable[TableRun]:
        """Return what a strategy executes on an address space, one run per distinct table.

        ``program`` is the recorded program whose steps it executes. Where that is one loop over
        each table, :func:`costmodel.operations.shared.trace.loop_runs` is the answer.
        """

    def layouts(self, layouts: Sequence[Layout]) -> Sequence[Layout]:
        """Return what its strategies are checked on, made from layouts for every operation."""
        return layouts

    @abstractmethod
    def violations(
        self, before: Memory, done: TableOperation, *, dirty: DirtyRule
    ) -> list[Violation]:
        """Return every guarantee of the kernel that a finished operation broke.

        ``before`` is a copy of the process as it was; ``dirty`` says how the strategy's kernel
        passes dirty bits on.
        """

    def recorded(self) -> RecordedEvents:
        """Return how events are found in recordings; only the recorder asks."""
        raise NotImplementedError(f"no recordings of {self.name}")

    def surroundings(
        self, machine: Machine, workload: Workload, runs: Sequence[TableRun], *, strategy: str
    ) -> Surroundings:
        """Return what lies around the page tables ``runs`` of a workload: here nothing.

        ``strategy`` is the name of the one that executed them: it tells the kernel.
        """
        return Surroundings()

    def shared_work(self, workload: Workload) -> SharedWork:
        """Return what an operation does to things that CPUs share: here it takes the lock."""
        return SharedWork()
