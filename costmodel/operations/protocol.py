"""The protocol of operations on page tables: what the rest of the package asks of each.

This module and the registry import nothing of the package, so every part may use them.
docs/contributing.md says how an operation is added.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, ClassVar, Literal

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
    from costmodel.operations.shared.entry import Steps
    from costmodel.operations.shared.strategy import Function, Strategy
    from costmodel.recorder.recorded import RecordedEvents


@dataclass(frozen=True)
class Words:
    """The names and defaults of an operation that users meet.

    * ``title``: one line on what the operation does.
    * ``states``: how the operation finds the entries, or which system call asks for it. The first
      one is the default.
    * ``unused_keys``: dotted keys of machine files that the operation does not use, though another
      one does.
    * ``frames``: how folios lie in physical memory by default, as they do in published rows.
    * ``loop``: what results call the part of the time that the loop over page tables takes.
    * ``built_in``: names of the states in which other builds were recorded; empty for the first
      state only.
    * ``has_vmas``: the number of mappings changes the cost, not only their size.
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
    """A TLB flush that the other CPUs which run the address space take part in.

    ``pages`` is the number of pages in the range that is flushed, of 4 KiB each; None flushes the
    whole address space. ``stride`` is how many of them one entry maps (``stride_shift`` of
    ``flush_tlb_mm_range()``): the kernel flushes every ``stride``-th page of the range.
    ``frees_tables``: page tables are freed after it, so even idle CPUs must stop using them.
    """

    pages: int | None = None
    stride: int = 1
    frees_tables: bool = False

    @property
    def entries(self) -> int | None:
        """The number of translations in the range; None for those of the whole address space."""
        return None if self.pages is None else -(-self.pages // self.stride)


@dataclass(frozen=True)
class OutsideCost:
    """A cost of an operation outside the page tables, which arises ``count`` times in a row.

    ``causes_ps`` maps causes, as CPI stacks name them, to the picoseconds of one time.
    ``broadcast_ps`` is the part of it that uses the interconnect, and so may wait for other CPUs.
    ``flush`` is the flush at its end, None where there is none.
    """

    causes_ps: Mapping[str, int]
    broadcast_ps: int = 0
    count: int = 1
    flush: FlushRequest | None = None

    @property
    def layout_ps(self) -> int:
        """Picoseconds of one time that depend on the physical layout, which noise scales."""
        return sum(self.causes_ps.values()) - self.broadcast_ps


@dataclass(frozen=True)
class Surroundings:
    """The costs around the loop over page tables: before it, after it, and for each page table.

    ``per_table`` maps causes to the picoseconds that each page table takes besides its recorded
    instructions.
    """

    before: tuple[OutsideCost, ...] = ()
    per_table: Mapping[str, int] = field(default_factory=dict)
    after: tuple[OutsideCost, ...] = ()


@dataclass(frozen=True)
class SharedWork:
    """What one operation does to things that CPUs share, besides its flushes.

    * ``address_space``: how it holds the lock of the address space (``mmap_lock``): ``write`` from
      beginning to end; ``write, read`` for writing outside the page tables and for reading in them;
      ``read`` from beginning to end.
    * ``tables``: the number of page tables that it takes from the page allocator, or gives back.
    * ``freed``: folio order to the number of folios that it gives back. The process faults them in
      again before it can repeat the operation.
    * ``folio_updates``: the number of changes to reference and mapping counts of folios.
    * ``calls``: the number of system calls. Each takes the lock, and drains the batch of pages that
      the CPU has gathered.
    """

    address_space: Literal["write", "write, read", "read"] = "write"
    tables: int = 0
    freed: Mapping[int, int] = field(default_factory=dict)
    folio_updates: int = 0
    calls: int = 1


@dataclass(frozen=True)
class Announced:
    """The primitives that a strategy must announce by an event whenever it calls them.

    ``folios`` maps methods of the operation to events. ``tables`` maps methods of the tables that
    it hands out, by side (``src``, ``dst``) and name, to events. ``costmodel check`` counts calls
    and events to find out whether a strategy pays for what it does.
    """

    folios: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[tuple[str, str], str] = field(default_factory=dict)


class Operation(ABC):
    """An operation on page tables, such as ``fork``.

    To add one, subclass this and ``register()`` an instance (:mod:`costmodel.operations.registry`).
    """

    name: str
    words: Words
    events: tuple[str, ...]
    """Names of the events in its recordings, in their order on one entry or batch."""
    event_before: str
    """The event that counts as the last one before the first entry of a page table."""
    empty_entry: ClassVar[Mapping[str, str]] = {}
    """By architecture, what the kernel executes for an entry that maps nothing, in the words of
    :mod:`costmodel.operations.shared.holes`."""
    announced = Announced()
    """The primitives that its strategies must announce; none by default."""

    @property
    def steps(self) -> Traversable:
        """The folder with the step archives of recorded programs."""
        return resources.files(type(self).__module__.rpartition(".")[0]) / "data"

    def state(self, name: str) -> PteState:
        """Return the state that a name or a text in parts (``mixed: writable 1, ...``) means.

        Raises KeyError for a state that the operation does not have, and ValueError where a part
        of the text is wrong.
        """
        known = {state.name: state for state in self.words.states}
        return known[name] if name in known else self.other_state(name)

    def other_state(self, name: str) -> PteState:
        """Return the state that a text in parts means, see :mod:`costmodel.config.parts`.

        An operation without such states raises KeyError, as this does.
        """
        raise KeyError(name)

    def maps_pmds(self, state: str | None) -> bool:
        """Tell whether it was recorded with folios that PMDs map, in a state (None: in any)."""
        return False

    def on_pmds(self, begun: TableOperation) -> Steps:
        """Handle each PMD that maps a folio, as the kernel does outside the loop of a strategy."""
        return iter(())

    @abstractmethod
    def strategies(self) -> Sequence[Strategy]:
        """Return the built-in strategies; the first one is the baseline where none is named."""

    @abstractmethod
    def begin(
        self, memory: Memory, *, contpte: bool = False, resizes_freely: bool = False
    ) -> TableOperation:
        """Return what strategies get as their argument: the operation, about to happen.

        ``memory`` is the process that it happens to. ``contpte``: the kernel uses the contiguous
        bit. ``resizes_freely``: the CPU allows to change this bit without break-before-make.
        """

    def memory_of(self, function: Function, shape: TableShape, *, contpte: bool) -> Memory:
        """Return a process with one page table of ``shape``, as the strategy ``function`` finds it.

        It may depend on the strategy, where the operation has happened to the process before.
        """
        return shape.build()

    @abstractmethod
    def trace(
        self, strategy: Strategy, program: str, isa: str, space: ShapedSpace
    ) -> Iterable[TableRun]:
        """Return what a strategy executes on an address space: a trace per distinct table, counted.

        ``program`` is the name of the recorded program whose steps are executed, ``isa`` is
        ``arm64`` or ``x86_64``. Operations that are one loop over each table return
        :func:`costmodel.operations.shared.trace.loop_runs`.
        """

    def layouts(self, layouts: Sequence[Layout]) -> Sequence[Layout]:
        """Return the layouts on which strategies are checked, made of those for all operations.

        By default these are all, without those that have PMDs where the operation knows none.
        """
        return [layout for layout in layouts if self.maps_pmds(None) or not layout.has_pmds]

    @abstractmethod
    def violations(
        self, before: Memory, done: TableOperation, *, dirty: DirtyRule
    ) -> list[Violation]:
        """Return a violation for every guarantee of the kernel that a finished operation broke.

        ``before`` is a copy of the process before the operation ``done``; ``dirty`` says how the
        strategy's kernel passes dirty bits on. An empty list means that the operation is correct.
        """

    def recorded(self) -> RecordedEvents:
        """Return how events are found in recordings, for the recorder.

        Raises NotImplementedError for an operation that is not recorded, as this does.
        """
        raise NotImplementedError(f"no recordings of {self.name}")

    def surroundings(
        self, machine: Machine, workload: Workload, runs: Sequence[TableRun], *, strategy: str
    ) -> Surroundings:
        """Return the costs around the loop over page tables; by default there are none.

        ``runs`` is what the strategy executes on the page tables. ``strategy`` is its name, which
        tells the kernel release.
        """
        return Surroundings()

    def shared_work(self, workload: Workload) -> SharedWork:
        """Return what the operation does to things that CPUs share; by default it takes a lock."""
        return SharedWork()
