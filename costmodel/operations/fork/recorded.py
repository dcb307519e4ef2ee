"""Finds the events of ``fork()`` in recorded windows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from costmodel.code.events import NO_PAGE, START, Mark, Step, Trait
from costmodel.mm import struct_page
from costmodel.mm.pte import CONT_PTES, TABLE_PTES
from costmodel.mm.state import PteState
from costmodel.operations.fork.allocation import WHOLE
from costmodel.operations.fork.named_loop import begun, loop_choices, loop_of
from costmodel.operations.shared.pmd import ARCHITECTURES, LAYOUT, pmd_program
from costmodel.operations.shared.recorded import (
    GATHERS,
    GETS,
    MAPS,
    MAPS_LARGE,
    UNSHARES,
    RowTest,
    ends_gather,
    pmd_marks,
    rmw_in,
    store_in,
)
from costmodel.recorder.archive import ALIGNED, RecordedProgram, Recording
from costmodel.recorder.recorded import KnownLoops, RecordedEvents, Seen, WindowRows

_PAGE_RMW: Final = {
    struct_page.REFCOUNT: "get",
    **dict.fromkeys(struct_page.FLAGS, "clear_exclusive"),
    struct_page.MAPCOUNT: "map",
    struct_page.LARGE_MAPCOUNT: "large_map",
}
"""The event of an atomic on ``struct page``, by its offset in bytes."""
ALIGNED_LAYOUT: Final = f"order0{ALIGNED}"
"""The layout of order-0 frames that lie in their blocks of 16 as their entries do."""


class _Scanner:
    """Walks over the rows of a window; ``phase`` is the last event on the entry or batch."""

    def __init__(
        self, program: RecordedProgram, window: Recording, task_line: int | None = None
    ) -> None:
        self.program = program
        self.task_line = task_line
        self.window = window
        self.kind = program.kind[window.uop].tolist()
        self.op = program.op[window.uop].tolist()
        self.target = program.target[window.uop].tolist()
        self.function = program.function[window.uop].tolist()
        self.index = (window.index + window.first_slot).tolist()
        self.offset = window.offset.tolist()
        self.large = window.layout[len("order")] != "0"
        self.whole_table = window.ptes == TABLE_PTES
        # A whole table starts behind the locks, or inside the first gathering read.
        in_read = not self.whole_table or self.function[0] == GATHERS
        self.phase = "read" if in_read else "set"
        self.scanned = window.first_slot
        self.swapping = ""

    def events(self) -> Iterator[Seen]:
        """Yield row, event and slot (None where the event is not about one entry)."""
        for row, kind in enumerate(self.kind):
            found = self._match(row, kind)
            if found:
                yield row, *found

    def _match(self, row: int, kind: str) -> tuple[str, int | None] | None:
        target, index = self.target[row], self.index[row]
        if kind == "rmw":
            return self._rmw(row, target, index)
        if kind == "load":
            return self._load(row, target, index)
        if kind == "store" and target in ("src", "dst"):
            return self._store(target, index)
        if self.op[row] == "dsb_ish" and self.swapping:
            return "flush", None
        if kind == "zero" and target == "dst" and self.phase != "alloc":
            self.phase = "alloc"
            return "alloc", None
        if kind == "call" and self._is_preempt_query(row):
            self.phase = "resched"
            return "resched", None
        return None

    def _is_preempt_query(self, row: int) -> bool:
        if self.task_line is not None:
            return False
        after = self.function[row + 1] if row + 1 < len(self.function) else ""
        return self.phase == "set" and after == "preempt_model_full"

    def _rmw(self, row: int, target: str, index: int) -> tuple[str, int | None] | None:
        if target == "page" and self.offset[row] in _PAGE_RMW:
            self.phase = "map"
            return _PAGE_RMW[self.offset[row]], None
        if target not in ("src", "dst"):
            return None
        if self.op[row] != "swp":
            return "wrprotect", index
        self.swapping = target
        return (f"clear_{target}", index) if index % CONT_PTES == CONT_PTES - 1 else None

    def _load(self, row: int, target: str, index: int) -> tuple[str, int | None] | None:
        function = self.function[row]
        if self.phase == "set" and self._looks_at_resched(row, target, index, function):
            self.phase = "resched"
            return "resched", None
        if target != "src":
            return None
        if function == GATHERS and self.function[max(row - 1, 0)] == function:
            ends = ends_gather(row, self.function, self.target)
            return ("gather", self.scanned) if ends else None
        if self.phase in ("set", "resched", "alloc"):
            self.phase, self.scanned = "read", index
            return "read", index
        if self.phase == "read" and index > self.scanned:
            self.scanned = index
            return "scan", index
        return None

    def _looks_at_resched(self, row: int, target: str, index: int, function: str) -> bool:
        """Tell whether a load reads the task's flags, or a lock that other CPUs may wait for."""
        if self.task_line is not None:
            return target == "other" and index == self.task_line and not self.offset[row]
        return target == "tablepage" and function == "copy_page_range"

    def _store(self, target: str, index: int) -> tuple[str, int | None] | None:
        if self.swapping:
            if index % CONT_PTES != CONT_PTES - 1:
                return None
            self.phase = "set" if target == "dst" else self.phase
            self.swapping = ""
            return f"restore_{target}", index
        if target == "src":
            return None
        self.phase = "set"
        return "set", index


def _rows_of_events(program: RecordedProgram, window: Recording, task_line: int) -> list[Seen]:
    """Return the events of a window as :class:`KnownLoops` does; on struct pages without a slot."""
    return list(_Scanner(program, window, task_line).events())


def _held(state: PteState) -> bool:
    """Tell whether a state is one of anonymous memory, which build trees are recorded with."""
    return not state.file


def _reads_pmd(rows: WindowRows, row: int) -> bool:
    """Tell whether a row reads the parent's PMD before a reference is taken."""
    if rows.function[row] != "copy_huge_pmd" or rows.kind[row] != "load":
        return False
    written = max(r for r in range(len(rows)) if _ON_PMDS["wrprotect"](rows, r))
    places = [(rows.target[r], rows.index[r], rows.offset[r]) for r in (row, written)]
    return places[0] == places[1] and any(GETS(rows, r) for r in range(row, len(rows)))


_ON_PMDS: Final[dict[str, RowTest]] = {
    "read": _reads_pmd,
    "get": GETS,
    "clear_exclusive": UNSHARES,
    "map": MAPS,
    "large_map": MAPS_LARGE,
    "deposit": store_in("pgtable_trans_huge_deposit"),
    "wrprotect": rmw_in("copy_huge_pmd"),
}


def find(program: RecordedProgram, window: Recording) -> list[Mark]:
    """Return the events of a recorded window of fork, in order."""
    if window.layout == LAYOUT:  # from the allocated table to the stored PMD
        traits = Trait.WRITABLE if window.state == "rw" else Trait.NONE
        return pmd_marks(WindowRows(program, window), ("alloc", "set"), _ON_PMDS, traits)
    scanner = _Scanner(program, window)
    raw = list(scanner.events())
    slots = _slots(raw, window.first_slot)
    frames = _frames(raw, slots, window)
    large = Trait.LARGE if scanner.large else Trait.NONE
    cont = Trait.CONT if any(event == "gather" for _, event, _ in raw) else Trait.NONE
    aligned = Trait.ALIGNED if window.layout == ALIGNED_LAYOUT else Trait.NONE
    common = large | cont | aligned | (Trait.WRITABLE if window.state == "rw" else Trait.NONE)
    pages_per_folio = 1 << int(window.layout[len("order") : len("order") + 1])
    marks = []
    for (row, event, _), (slot, batch_end) in zip(raw, slots, strict=True):
        page = frames.get(slot, NO_PAGE)
        head = frames.get(slot - slot % pages_per_folio, NO_PAGE)
        name = "peek" if event == "scan" and slot >= batch_end else event
        behind = slot >= batch_end and event in ("scan", "gather")
        known = not behind or slot in frames
        follows = not behind or page - 1 == frames.get(slot - 1)
        traits = common | (Trait.CONSECUTIVE if follows else Trait.NONE)
        marks.append(Mark(row, Step(name, slot, page, head, int(traits)), certain=known))
    return marks


def _slots(raw: list[Seen], first: int) -> list[tuple[int, int]]:
    """Return for each event its slot, and the end of the batch that it belongs to.

    Events on struct pages have no slot: they are counted through the batch.
    """
    slots: list[tuple[int, int]] = []
    batch_start, slot, mapped = first, first, 0
    for _, event, index in raw:
        if event in ("read", "start"):
            batch_start = slot = index if index is not None else slot
            mapped = 0
        elif event in ("get", "large_map"):
            slot = batch_start
        elif event == "clear_exclusive":
            slot = batch_start + mapped
        elif event == "map":
            slot = batch_start + mapped
            mapped += 1
        elif index is not None:
            slot = index
        slots.append((slot, -1))
        if event == "set":
            batch_start, mapped = slot + 1, 0
    return _with_batch_ends(raw, slots)


def _with_batch_ends(raw: list[Seen], slots: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the slots with the ends of their batches: behind the last entry that was counted."""
    ended: list[tuple[int, int]] = []
    end, ended_by_set = 1 << 30, True
    for (_, event, _), (slot, _) in zip(reversed(raw), reversed(slots), strict=True):
        if event == "map" and ended_by_set:
            end, ended_by_set = slot + 1, False
        elif event == "set":
            ended_by_set = True
        ended.append((slot, end))
    return ended[::-1]


def _frames(raw: list[Seen], slots: list[tuple[int, int]], window: Recording) -> dict[int, int]:
    """Return the struct-page number of each entry whose mapping the window counts, by slot."""
    return {
        slot: int(window.index[row])
        for (row, event, _), (slot, _) in zip(raw, slots, strict=True)
        if event == "map"
    }


def before_window(window: Recording, first: Step) -> str:
    """Return the event before a window; those of whole tables begin right after the allocation."""
    if window.layout == LAYOUT:
        return "set"
    if window.ptes != TABLE_PTES:
        return START
    return "read" if first.event == "gather" else "alloc"


RECORDED: Final = RecordedEvents(
    find,
    before_window,
    fallbacks={pmd_program(arch): f"v6.12.117.{arch}" for arch in ARCHITECTURES},
    missing=frozenset({"alloc"}),
    loops=KnownLoops(
        _rows_of_events,
        loop_choices,
        loop_of,
        begun,
        holds=_held,
        on_pages=frozenset({"clear_exclusive", "map"}),
        between="alloc",
    ),
    whole=WHOLE,
)
