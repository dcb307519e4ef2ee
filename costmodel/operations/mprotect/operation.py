"""``mprotect()`` as an operation: its names, events, strategies, checks and costs in one object."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final

from costmodel.mm.state import PteState
from costmodel.operations.protocol import Announced, Operation, SharedWork, Surroundings, Words
from costmodel.operations.shared.process import LIFE_KEYS, VMA_KEYS
from costmodel.recorder.recorded import RecordedEvents

if TYPE_CHECKING:
    from costmodel.code.trace import TableRun
    from costmodel.config.machine import Machine
    from costmodel.config.workload import Workload
    from costmodel.mm.build import Memory
    from costmodel.mm.layout import Layout
    from costmodel.mm.operation import TableOperation
    from costmodel.mm.shapes import ShapedSpace
    from costmodel.mm.violations import DirtyRule, Violation
    from costmodel.operations.mprotect.mm import MprotectOperation
    from costmodel.operations.shared.entry import Steps
    from costmodel.operations.shared.strategy import Strategy

TO_READ_ONLY: Final = PteState("to-read-only", "PROT_READ over memory that was written")
TO_WRITABLE: Final = PteState("to-writable", "and back to PROT_WRITE", protected=True)
BOTH_WAYS: Final = PteState("both-ways", "PROT_READ, then PROT_WRITE again")
SHARED_TO_READ_ONLY: Final = PteState(
    "shared-to-read-only", "the same in shared memory, dirty pages", shared=True
)
SHARED_TO_WRITABLE: Final = PteState(
    "shared-to-writable", "and back, in shared memory", protected=True, shared=True
)

COLD_TO_READ_ONLY: Final = PteState(
    "cold-to-read-only", "PROT_READ after all of the memory was written again", cold=True
)
COLD_TO_WRITABLE: Final = PteState(
    "cold-to-writable", "and back, after all of it was read", protected=True, cold=True
)
TO_WRITE_PROTECTED: Final = PteState(
    "to-write-protected", "userfaultfd write-protects memory that was written", write_protects=True
)
TO_WRITE_RESOLVED: Final = PteState(
    "to-write-resolved", "and takes that back", write_protects=False
)
ANONYMOUS: Final = (TO_READ_ONLY, TO_WRITABLE, BOTH_WAYS, COLD_TO_READ_ONLY, COLD_TO_WRITABLE)
"""The states of private memory that userfaultfd plays no part in."""
_STATES: Final = (
    TO_READ_ONLY,
    TO_WRITABLE,
    BOTH_WAYS,
    SHARED_TO_READ_ONLY,
    SHARED_TO_WRITABLE,
    COLD_TO_READ_ONLY,
    COLD_TO_WRITABLE,
    TO_WRITE_PROTECTED,
    TO_WRITE_RESOLVED,
)


class Mprotect(Operation):
    """Changes the protection of a mapping."""

    name = "mprotect"
    words = Words(
        title="change protection in mprotect()",
        states=_STATES,
        unused_keys=(
            "kernel.table_alloc_ns",
            "kernel.zero_bytes_per_ns",
            "kernel.fork_fixed_us",
            "kernel.unmap_range_pct",
            "kernel.table_free_ns",
            *LIFE_KEYS,
            *VMA_KEYS,
        ),
        loop="change",
        built_in=tuple(state.name for state in _STATES),
    )
    events = (
        "lock", "read", "gather", "folio", "scan", "peek", "clear_src", "flush", "restore_src",
        "clear", "check", "commit",
    )  # fmt: skip
    event_before = "commit"
    empty_entry: ClassVar = {
        "x86_64": (
            "add address -> address; add at -> next; compare address -> end; not-taken end; "
            "move next -> at; read at -> pte; move pte -> old; add old -> bits; "
            "compare bits -> there; not-taken there; compare pte -> none; taken none"
        ),
        "arm64": (
            "add address -> address; nop; add at -> at; compare address -> end; not-taken end; "
            "read at -> pte; taken pte; one; add pte -> bits; compare bits -> none; "
            "not-taken none; not-taken pte"
        ),
    }
    announced = Announced(
        tables={
            ("src", "clear"): "clear",
            ("src", "set_ptes"): "commit",
            ("src", "set_contpte"): "commit",
            ("src", "set_nonpresent"): "commit",
        }
    )

    def strategies(self) -> Sequence[Strategy]:
        """Return the built-in strategies, the oldest first."""
        from costmodel.operations.mprotect.catalogue import STRATEGIES

        return STRATEGIES

    def begin(
        self, memory: Memory, *, contpte: bool = False, resizes_freely: bool = False
    ) -> MprotectOperation:
        """Return a change of every mapping of the process ``memory``, ready for a strategy."""
        from costmodel.mm.tlb import TlbView
        from costmodel.operations.mprotect.mm import MprotectOperation

        return MprotectOperation(memory, TlbView(resizes_freely=resizes_freely), contpte=contpte)

    def layouts(self, layouts: Sequence[Layout]) -> Sequence[Layout]:
        """Return the layouts, and each with mappings that must not be written: both ways.

        Those of anonymous memory alone also as userfaultfd protects it, and takes that back.
        """
        from costmodel.mm.address_space import VmaKind

        registered = [
            layout
            for layout in layouts
            if all(area.kind is VmaKind.ANONYMOUS for area in layout.areas)
        ]
        return [
            *layouts,
            *(layout.protected() for layout in layouts),
            *(layout.write_protecting(protects=True) for layout in registered),
            *(layout.write_protecting(protects=False) for layout in registered),
        ]

    def trace(
        self, strategy: Strategy, program: str, isa: str, space: ShapedSpace
    ) -> Iterable[TableRun]:
        """Return the trace of changing each distinct table; ``both-ways`` changes it twice."""
        from costmodel.operations.shared.trace import loop_runs

        if space.shapes[0].state != BOTH_WAYS:
            return loop_runs(strategy, program, space)
        there, back = (space.in_state(state) for state in (TO_READ_ONLY, TO_WRITABLE))
        again = (replace(run, ptes=0) for run in loop_runs(strategy, program, back))
        return (*loop_runs(strategy, program, there), *again)

    def maps_pmds(self, state: str | None) -> bool:
        """Tell whether it was recorded with PMDs that map folios, which are anonymous."""
        return state is None or any(state == known.name for known in ANONYMOUS)

    def on_pmds(self, begun: TableOperation) -> Steps:
        """Change what PMDs map."""
        from costmodel.operations.mprotect.loop import change_pmds
        from costmodel.operations.mprotect.mm import MprotectOperation

        assert isinstance(begun, MprotectOperation)
        return change_pmds(begun)

    def violations(
        self, before: Memory, done: TableOperation, *, dirty: DirtyRule
    ) -> list[Violation]:
        """Return a violation for every guarantee that a finished change broke."""
        from costmodel.operations.mprotect.guarantees import check_protection
        from costmodel.operations.mprotect.mm import MprotectOperation

        assert isinstance(done, MprotectOperation)
        return check_protection(before, done)

    def recorded(self) -> RecordedEvents:
        """Return how events are found in recordings of mprotect."""
        from costmodel.operations.mprotect.recorded import RECORDED

        return RECORDED

    def surroundings(
        self, machine: Machine, workload: Workload, runs: Sequence[TableRun], *, strategy: str
    ) -> Surroundings:
        """Return the cost of the call and of the flush at its end."""
        from costmodel.operations.mprotect.around import around

        return around(machine, workload, self.state(workload.state))

    def shared_work(self, workload: Workload) -> SharedWork:
        """Return how the lock of the address space is held: userfaultfd changes no mapping."""
        tracked = self.state(workload.state).write_protects is not None
        return SharedWork("read" if tracked else "write")


OPERATION: Final = Mprotect()
