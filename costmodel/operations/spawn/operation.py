"""``fork()`` to ``wait()`` as an operation: its names, strategies and costs in one object."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from costmodel.mm.state import PteState
from costmodel.operations.protocol import Operation, SharedWork, Surroundings, Words
from costmodel.operations.registry import operation_named

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from costmodel.code.trace import TableRun
    from costmodel.config.machine import Machine
    from costmodel.config.workload import Workload
    from costmodel.mm.build import Memory
    from costmodel.mm.operation import TableOperation
    from costmodel.mm.shapes import ShapedSpace, TableShape
    from costmodel.mm.violations import DirtyRule, Violation
    from costmodel.operations.shared.entry import Steps
    from costmodel.operations.shared.strategy import Function, Strategy

_FORK: Final = operation_named("fork")
_ZAP: Final = operation_named("zap")


@dataclass(frozen=True, slots=True)
class LifeState(PteState):
    """What a child does: ``executes`` says whether it executes another program before it ends.

    ``parent`` is the state in which fork finds the entries.
    """

    executes: bool = False
    parent: str = "writable"


EXITS: Final = LifeState("exit", "fork, the child exits at once, wait")
_STATES: Final = (
    EXITS,
    LifeState("exec", "fork, the child executes a small program, it exits, wait", executes=True),
    LifeState(
        "exit-again", "exit; the parent wrote nothing since the last time", parent="read-only"
    ),
    LifeState(
        "exec-again",
        "exec; the parent wrote nothing since the last time",
        executes=True,
        parent="read-only",
    ),
)


class Spawn(Operation):
    """Creates a process and waits for its end."""

    name = "spawn"
    words = Words(
        title="fork(), perhaps exec, exit and wait",
        states=_STATES,
        unused_keys=("kernel.unmap_call_ns", "kernel.unmap_range_pct"),
        loop="copy",
        built_in=tuple(state.name for state in _STATES),
        has_vmas=True,
    )
    events = _FORK.events
    event_before = _FORK.event_before
    announced = _FORK.announced

    @property
    def steps(self) -> Traversable:
        """The folder of fork's recorded programs, which are those of this operation."""
        return _FORK.steps

    def maps_pmds(self, state: str | None) -> bool:
        """Tell whether fork and exit were recorded with folios that PMDs map: in every state."""
        return True

    def on_pmds(self, begun: TableOperation) -> Steps:
        """Copy what PMDs map."""
        return _FORK.on_pmds(begun)

    def strategies(self) -> Sequence[Strategy]:
        """Return the built-in strategies, the oldest first."""
        from costmodel.operations.spawn.catalogue import STRATEGIES

        return STRATEGIES

    def begin(
        self, memory: Memory, *, contpte: bool = False, resizes_freely: bool = False
    ) -> TableOperation:
        """Return the fork of the process ``memory``, which is what strategies execute."""
        return _FORK.begin(memory, contpte=contpte, resizes_freely=resizes_freely)

    def memory_of(self, function: Function, shape: TableShape, *, contpte: bool) -> Memory:
        """Return a process with one table, as fork finds it."""
        return _FORK.memory_of(function, shape, contpte=contpte)

    def trace(
        self, strategy: Strategy, program: str, isa: str, space: ShapedSpace
    ) -> Iterable[TableRun]:
        """Return the traces of copying each distinct table, then of unmapping the child's."""
        from costmodel.operations.spawn.catalogue import exit_of, fork_of

        state, exit_ = space.shapes[0].state, exit_of(strategy)
        assert isinstance(state, LifeState)
        copied = space.in_state(_FORK.state(state.parent))
        copy = _FORK.trace(fork_of(strategy), program, isa, copied)
        ranged = program == strategy.range_programs.get(isa)
        unmaps = exit_.program(isa, range_tlbi=ranged)
        unmapped = _ZAP.trace(exit_, unmaps, isa, space.in_state(_ZAP.words.states[0]))
        return (*copy, *(replace(run, ptes=0) for run in unmapped))

    def violations(
        self, before: Memory, done: TableOperation, *, dirty: DirtyRule
    ) -> list[Violation]:
        """Return a violation for every guarantee that the fork broke; the exit is not checked."""
        return _FORK.violations(before, done, dirty=dirty)

    def surroundings(
        self, machine: Machine, workload: Workload, runs: Sequence[TableRun], *, strategy: str
    ) -> Surroundings:
        """Return the fixed costs, those of VMAs, of allocated and freed tables, and of flushes."""
        from costmodel.operations.spawn.around import around

        state = self.state(workload.state)
        assert isinstance(state, LifeState)
        return around(machine, workload, executes=state.executes, strategy=strategy)

    def shared_work(self, workload: Workload) -> SharedWork:
        """Return the use of locks, of page tables for the child, and of the folios' counters."""
        from costmodel.operations.spawn.around import shared_work

        return shared_work(workload)


OPERATION: Final = Spawn()
