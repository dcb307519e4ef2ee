"""Unmapping as an operation: its names, events, strategies, checks and costs in one object."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from costmodel.mm.state import PteState
from costmodel.operations.protocol import Announced, Operation, SharedWork, Surroundings, Words
from costmodel.operations.shared.process import LIFE_KEYS, VMA_KEYS
from costmodel.operations.zap.ranges import RangeState, range_state

if TYPE_CHECKING:
    from costmodel.code.trace import TableRun
    from costmodel.config.machine import Machine
    from costmodel.config.workload import Workload
    from costmodel.mm.build import Memory
    from costmodel.mm.operation import TableOperation
    from costmodel.mm.shapes import ShapedSpace
    from costmodel.mm.violations import DirtyRule, Violation
    from costmodel.operations.shared.entry import Steps
    from costmodel.operations.shared.strategy import Strategy
    from costmodel.operations.zap.mm import ZapOperation
    from costmodel.recorder.recorded import RecordedEvents

EXIT: Final = PteState("exit", "a forked child ends", alone=False, mapped_by=2)
MUNMAP: Final = PteState("munmap", "munmap() by the only process that maps the pages")
DONTNEED: Final = PteState("dontneed", "MADV_DONTNEED over the whole range")
DONTNEED_PER_PAGE: Final = RangeState("dontneed-per-page", "MADV_DONTNEED, one call for each page")
SHARED_EXIT: Final = PteState(
    "shared-exit", "exit over written shared memory", alone=False, mapped_by=2, shared=True
)
SHARED_MUNMAP: Final = PteState(
    "shared-munmap", "munmap() of written shared memory by its last user", shared=True
)
SHARED_DONTNEED: Final = PteState("shared-dontneed", "MADV_DONTNEED over the same", shared=True)
FILE_EXIT: Final = PteState(
    "file-exit", "exit over pages of a file that were read", alone=False, mapped_by=2, file=True
)
FILE_MUNMAP: Final = PteState(
    "file-munmap", "munmap() of pages of a file that were read, by their last user", file=True
)
FILE_DONTNEED: Final = PteState("file-dontneed", "MADV_DONTNEED over the same", file=True)


_OF_FILES: Final = (
    SHARED_EXIT, SHARED_MUNMAP, SHARED_DONTNEED, FILE_EXIT, FILE_MUNMAP, FILE_DONTNEED
)  # fmt: skip


def of_file(state: str) -> bool:
    """Tell whether a state, given by its name, is one of pages that a file or shmem backs."""
    return any(state == known.name for known in _OF_FILES)


def keeps_tables(state: PteState) -> bool:
    """Tell whether page tables stay after an unmap: MADV_DONTNEED empties them only."""
    return state in (DONTNEED, SHARED_DONTNEED, FILE_DONTNEED) or isinstance(state, RangeState)


class Zap(Operation):
    """Unmaps the page tables of a process and frees the pages that nobody else maps."""

    name = "zap"
    words = Words(
        title="unmap pages in munmap(), MADV_DONTNEED and exit",
        states=(EXIT, MUNMAP, DONTNEED, DONTNEED_PER_PAGE, *_OF_FILES),
        unused_keys=(
            "kernel.table_alloc_ns",
            "kernel.zero_bytes_per_ns",
            "kernel.fork_fixed_us",
            *LIFE_KEYS,
            *VMA_KEYS,
        ),
        # A gigabyte that is unmapped goes back to the allocator and comes out of it again in every
        # iteration: nothing stays in order (docs/zap.md).
        frames="scattered",
        loop="unmap",
    )
    events = (
        "lock", "batch", "list_page", "read", "scan", "peek", "gather", "clear_src", "flush",
        "restore_src", "clear", "dirty", "accessed", "activate", "large_unmap", "unmap", "slot",
        "put", "uncharge", "prepare", "tail", "commit", "buddy", "withdraw",
    )  # fmt: skip
    event_before = "slot"
    empty_entry: ClassVar = {
        "x86_64": (
            "read at -> pte; compare pte -> none; not-taken none; add at -> at; one; "
            "add address -> address; compare address -> more; taken more"
        ),
        "arm64": (
            "read at -> pte; not-taken pte; add at -> at; one; add address -> address; "
            "compare address -> more; taken more"
        ),
    }
    announced = Announced(
        folios={
            "rmap_remove": "unmap",
            "entire_mapcount_add": "unmap",
            "withdraw": "withdraw",
            "large_mapcount_add": "large_unmap",
            "mark_dirty": "dirty",
            "set_referenced": "accessed",
            "activate": "activate",
        },
        tables={("src", "clear"): "clear", ("src", "set_nonpresent"): "clear"},
    )

    def other_state(self, name: str) -> PteState:
        """Return the state ``dontneed: ...``: MADV_DONTNEED over many ranges."""
        return range_state(name)

    def maps_pmds(self, state: str | None) -> bool:
        """Tell whether it was recorded with folios that PMDs map; ranges may split them."""
        return state in (None, EXIT.name, MUNMAP.name, DONTNEED.name)  # of anonymous memory

    def on_pmds(self, begun: TableOperation) -> Steps:
        """Unmap what PMDs map."""
        from costmodel.operations.zap.mm import ZapOperation
        from costmodel.operations.zap.pmd import unmap_pmds

        assert isinstance(begun, ZapOperation)
        return unmap_pmds(begun)

    def strategies(self) -> Sequence[Strategy]:
        """Return the built-in strategies, the oldest first."""
        from costmodel.operations.zap.catalogue import STRATEGIES

        return STRATEGIES

    def begin(
        self, memory: Memory, *, contpte: bool = False, resizes_freely: bool = False
    ) -> ZapOperation:
        """Return an unmap of the process ``memory``, ready for a strategy."""
        from costmodel.operations.zap.mm import ZapOperation

        return ZapOperation.begin(memory, contpte=contpte, resizes_freely=resizes_freely)

    def trace(
        self, strategy: Strategy, program: str, isa: str, space: ShapedSpace
    ) -> Iterable[TableRun]:
        """Return the traces of unmapping each distinct table, then of releasing its pages."""
        from costmodel.operations.zap.trace import zap_runs

        return zap_runs(strategy, program, isa, space)

    def violations(
        self, before: Memory, done: TableOperation, *, dirty: DirtyRule
    ) -> list[Violation]:
        """Return a violation for every guarantee that a finished unmap of everything broke."""
        from costmodel.operations.zap.guarantees import check_zap
        from costmodel.operations.zap.mm import ZapOperation

        assert isinstance(done, ZapOperation)
        return check_zap(before, done)

    def recorded(self) -> RecordedEvents:
        """Return how events are found in recordings of unmaps."""
        from costmodel.operations.zap.recorded import RECORDED

        return RECORDED

    def surroundings(
        self, machine: Machine, workload: Workload, runs: Sequence[TableRun], *, strategy: str
    ) -> Surroundings:
        """Return the costs of calls with their flushes, forced flushes, and freed tables."""
        from costmodel.operations.zap.around import around

        return around(machine, workload, runs)

    def shared_work(self, workload: Workload) -> SharedWork:
        """Return the tables and folios that an unmap gives back."""
        from costmodel.operations.zap.around import shared_work

        return shared_work(workload)


OPERATION: Final = Zap()
