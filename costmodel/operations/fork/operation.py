"""``fork()`` as an operation: its names, events, strategies, checks and costs in one object."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from costmodel.mm.state import PteState
from costmodel.operations.protocol import Announced, Operation, SharedWork, Surroundings, Words
from costmodel.operations.shared.process import LIFE_KEYS

if TYPE_CHECKING:
    from costmodel.code.trace import TableRun
    from costmodel.config.machine import Machine
    from costmodel.config.workload import Workload
    from costmodel.mm.build import Memory
    from costmodel.mm.operation import TableOperation
    from costmodel.mm.shapes import ShapedSpace, TableShape
    from costmodel.mm.violations import DirtyRule, Violation
    from costmodel.operations.fork.mm import ForkOperation
    from costmodel.operations.shared.entry import Steps
    from costmodel.operations.shared.strategy import Function, Strategy
    from costmodel.recorder.recorded import RecordedEvents

WRITABLE: Final = PteState("writable", "freshly written")
READ_ONLY: Final = PteState("read-only", "forked before, by a child that lives on", alone=False)
FILE: Final = PteState(
    "file", "a private mapping of a file, of which one page was written", alone=False, file=True
)


class Fork(Operation):
    """Copies the page tables of a process to its child."""

    name = "fork"
    words = Words(
        title="copy page tables in fork()",
        states=(WRITABLE, READ_ONLY, FILE),
        unused_keys=(
            "kernel.unmap_call_ns",
            "kernel.unmap_range_pct",
            "kernel.table_free_ns",
            *LIFE_KEYS,
        ),
        has_vmas=True,
        loop="copy",
    )
    events = (
        "alloc", "resched", "read", "scan", "peek", "gather", "get", "clear_exclusive", "map",
        "large_map", "clear_src", "flush", "restore_src", "wrprotect", "set", "clear_dst",
        "restore_dst", "deposit",
    )  # fmt: skip
    event_before = "set"
    empty_entry: ClassVar = {
        "x86_64": (
            "compare done -> loop; taken loop; stack 40 -> dst; one; add dst -> dst; spill 40 dst; "
            "read at -> pte; compare pte -> none; not-taken none; add done -> done; add at -> at; "
            "one; add address -> address; stack 64 -> end; compare end address -> more; taken more"
        ),
        "arm64": (
            "compare done -> loop; taken loop; add dst -> dst; add at -> at; read at -> pte; "
            "not-taken pte; one; add done -> done; stack 64 -> end; add address -> address; one; "
            "compare end address -> more; taken more"
        ),
    }
    announced = Announced(
        folios={
            "folio_get": "get",
            "mapcount_add": "map",
            "entire_mapcount_add": "map",
            "clear_exclusive": "clear_exclusive",
            "large_mapcount_add": "large_map",
            "deposit": "deposit",
        },
        tables={
            ("src", "write_protect"): "wrprotect",
            ("dst", "set_ptes"): "set",
            ("dst", "set_contpte"): "set",
            ("dst", "set_nonpresent"): "set",
        },
    )

    def other_state(self, name: str) -> PteState:
        """Return the state ``mixed: ...``: that of a process which forks again and again."""
        from costmodel.operations.fork.mixed import mixed_state

        return mixed_state(name)

    def strategies(self) -> Sequence[Strategy]:
        """Return the built-in strategies, the oldest first."""
        from costmodel.operations.fork.catalogue import STRATEGIES

        return STRATEGIES

    def begin(
        self, memory: Memory, *, contpte: bool = False, resizes_freely: bool = False
    ) -> ForkOperation:
        """Return a fork of the process ``memory``, ready for a strategy."""
        from costmodel.operations.fork.mm import ForkOperation

        return ForkOperation.begin(memory, contpte=contpte, resizes_freely=resizes_freely)

    def memory_of(self, function: Function, shape: TableShape, *, contpte: bool) -> Memory:
        """Return a process with one table; if it was forked before, the strategy did that."""
        from costmodel.operations.fork.mixed import memory_of

        return memory_of(function, shape, contpte=contpte)

    def trace(
        self, strategy: Strategy, program: str, isa: str, space: ShapedSpace
    ) -> Iterable[TableRun]:
        """Return the trace of copying each distinct table, and each PMD that maps a folio."""
        from costmodel.operations.shared.trace import loop_runs

        return loop_runs(strategy, program, space)

    def on_pmds(self, begun: TableOperation) -> Steps:
        """Copy what PMDs map."""
        from costmodel.operations.fork.mm import ForkOperation
        from costmodel.operations.fork.pmd import copy_pmds

        assert isinstance(begun, ForkOperation)
        return copy_pmds(begun)

    def maps_pmds(self, state: str | None) -> bool:
        """Tell whether it was recorded with PMDs that map folios; written pages have split them."""
        return state in (None, WRITABLE.name, READ_ONLY.name)

    def violations(
        self, before: Memory, done: TableOperation, *, dirty: DirtyRule
    ) -> list[Violation]:
        """Return a violation for every guarantee that a finished fork broke."""
        from costmodel.operations.fork.guarantees import check_fork
        from costmodel.operations.fork.mm import ForkOperation

        assert isinstance(done, ForkOperation)
        return check_fork(before, done, dirty=dirty)

    def recorded(self) -> RecordedEvents:
        """Return how events are found in recordings of forks."""
        from costmodel.operations.fork.recorded import RECORDED

        return RECORDED

    def surroundings(
        self, machine: Machine, workload: Workload, runs: Sequence[TableRun], *, strategy: str
    ) -> Surroundings:
        """Return the fixed cost, that of allocating tables, and the flush of the address space."""
        from costmodel.operations.fork.around import around

        return around(machine, workload, strategy)

    def shared_work(self, workload: Workload) -> SharedWork:
        """Return the use of locks, of page tables for the child, and of the folios' counters."""
        from costmodel.operations.fork.around import shared_work

        return shared_work(workload)


OPERATION: Final = Fork()
