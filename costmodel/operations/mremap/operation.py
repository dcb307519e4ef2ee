"""``mremap()`` as an operation: its names, events, strategies, checks and costs in one object."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from costmodel.mm.state import PteState
from costmodel.operations.protocol import Announced, Operation, SharedWork, Surroundings, Words
from costmodel.operations.shared.process import LIFE_KEYS, VMA_KEYS

if TYPE_CHECKING:
    from costmodel.code.trace import TableRun
    from costmodel.config.machine import Machine
    from costmodel.config.workload import Workload
    from costmodel.mm.build import Memory
    from costmodel.mm.operation import TableOperation
    from costmodel.mm.shapes import ShapedSpace
    from costmodel.mm.violations import DirtyRule, Violation
    from costmodel.operations.mremap.mm import MremapOperation
    from costmodel.operations.shared.entry import Steps
    from costmodel.operations.shared.strategy import Strategy
    from costmodel.recorder.recorded import RecordedEvents

MOVED: Final = PteState("moved", "the same memory is moved again and again")
COLD_MOVED: Final = PteState(
    "cold-moved", "the process wrote all of its memory before it is moved", cold=True
)


class Mremap(Operation):
    """Moves a mapping to another address, which has the same position in its page tables."""

    name = "mremap"
    words = Words(
        title="move memory to another address in mremap()",
        states=(MOVED, COLD_MOVED),
        unused_keys=("kernel.fork_fixed_us", "kernel.unmap_range_pct", *LIFE_KEYS, *VMA_KEYS),
        loop="move",
        built_in=("moved", "cold-moved"),
    )
    events = (
        "lock", "read", "gather", "folio", "scan", "peek", "clear_src", "flush", "restore_src",
        "clear", "set", "clear_dst", "restore_dst", "table",
    )  # fmt: skip
    event_before = "set"
    empty_entry: ClassVar = {
        "x86_64": (
            "read at -> pte; compare pte -> none; taken none; add address -> address; "
            "add at -> at; add dst -> dst; compare address -> more; taken more"
        ),
        "arm64": (
            "read at -> pte; taken pte; add address -> address; add at -> at; add dst -> dst; "
            "compare address -> more; not-taken more"
        ),
    }
    announced = Announced(
        folios={"move_whole": "table"},
        tables={
            ("src", "clear"): "clear",
            ("dst", "set_ptes"): "set",
            ("dst", "set_contpte"): "set",
            ("dst", "set_nonpresent"): "set",
        },
    )

    def strategies(self) -> Sequence[Strategy]:
        """Return the built-in strategies, the oldest first."""
        from costmodel.operations.mremap.catalogue import STRATEGIES

        return STRATEGIES

    def begin(
        self, memory: Memory, *, contpte: bool = False, resizes_freely: bool = False
    ) -> MremapOperation:
        """Return a move of every mapping of the process ``memory``, ready for a strategy."""
        from costmodel.mm.tlb import TlbView
        from costmodel.operations.mremap.mm import MremapOperation

        return MremapOperation(memory, TlbView(resizes_freely=resizes_freely), contpte=contpte)

    def trace(
        self, strategy: Strategy, program: str, isa: str, space: ShapedSpace
    ) -> Iterable[TableRun]:
        """Return the trace of moving each distinct table."""
        from costmodel.operations.shared.trace import loop_runs

        return loop_runs(strategy, program, space)

    def maps_pmds(self, state: str | None) -> bool:
        """Tell whether it was recorded with PMDs that map folios: in every state."""
        return True

    def on_pmds(self, begun: TableOperation) -> Steps:
        """Move what PMDs map."""
        from costmodel.operations.mremap.loop import move_pmds
        from costmodel.operations.mremap.mm import MremapOperation

        assert isinstance(begun, MremapOperation)
        return move_pmds(begun)

    def violations(
        self, before: Memory, done: TableOperation, *, dirty: DirtyRule
    ) -> list[Violation]:
        """Return a violation for every guarantee that a finished move broke."""
        from costmodel.operations.mremap.guarantees import check_moved
        from costmodel.operations.mremap.mm import MremapOperation

        assert isinstance(done, MremapOperation)
        return check_moved(before, done)

    def recorded(self) -> RecordedEvents:
        """Return how events are found in recordings of mremap."""
        from costmodel.operations.mremap.recorded import RECORDED

        return RECORDED

    def surroundings(
        self, machine: Machine, workload: Workload, runs: Sequence[TableRun], *, strategy: str
    ) -> Surroundings:
        """Return the costs of the call, the flushes of x86, and filled and emptied tables."""
        from costmodel.operations.mremap.around import around

        return around(machine, runs)

    def shared_work(self, workload: Workload) -> SharedWork:
        """Return the use of the address space's lock."""
        from costmodel.operations.mremap.around import shared_work

        return shared_work(workload)


OPERATION: Final = Mremap()
