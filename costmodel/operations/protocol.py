"""What an operation on page tables is to the rest of the program: one object with these members.

This module and the registry import nothing of the program, so that every part may ask them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from costmodel.code.trace import TableRun
    from costmodel.config.machine import Machine
    from costmodel.config.workload import Workload
    from costmodel.mm.build import Memory
    from costmodel.mm.operation import TableOperation
    from costmodel.mm.state import PteState
    from costmodel.mm.violations import DirtyRule, Violation
    from costmodel.strategies.strategy import Strategy


@dataclass(frozen=True)
class Words:
    """What users read and write about an operation.

    ``title``: one line on what it does. ``states``: how it finds the entries, or what calls for
    it; the first is the default. ``unused_keys``: numbers of machine files that it does not use,
    though another operation does. ``published_frames``: how the folios of published rows lie.
    """

    title: str
    states: tuple[PteState, ...]
    unused_keys: tuple[str, ...] = ()
    published_frames: Literal["contiguous", "scattered"] = "contiguous"


@dataclass(frozen=True)
class Part:
    """Something that an operation does outside the page tables, ``count`` times in a row.

    ``causes_ps``: picoseconds of one execution by cause, as CPI stacks name it. ``broadcast_ps``:
    those of them that go out to the interconnect, and so may wait for other CPUs.
    """

    causes_ps: Mapping[str, int]
    broadcast_ps: int = 0
    count: int = 1

    @property
    def layout_ps(self) -> int:
        """Picoseconds of one execution that move with the physical layout, as noise scales it."""
        return sum(self.causes_ps.values()) - self.broadcast_ps


@dataclass(frozen=True)
class Surroundings:
    """What lies around the loop over page tables.

    ``per_table`` are picoseconds by cause that each page table takes beside what is executed.
    """

    before: tuple[Part, ...] = ()
    per_table: Mapping[str, int] = field(default_factory=dict)
    after: tuple[Part, ...] = ()


class Operation(ABC):
    """An operation, such as ``fork``: subclass it and :func:`register` an instance."""

    name: str
    words: Words

    def state(self, name: str) -> PteState:
        """Return the state of a name. Raises KeyError for one that the operation cannot find."""
        return {state.name: state for state in self.words.states}[name]

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

    @abstractmethod
    def violations(
        self, before: Memory, done: TableOperation, *, dirty: DirtyRule
    ) -> list[Violation]:
        """Return every guarantee of the kernel that a finished operation broke.

        ``before`` is a copy of the process as it was; ``dirty`` says how the strategy's kernel
        passes dirty bits on.
        """

    def surroundings(
        self, machine: Machine, workload: Workload, runs: Sequence[TableRun]
    ) -> Surroundings:
        """Return what lies around the page tables ``runs`` of a workload: here nothing."""
        return Surroundings()
