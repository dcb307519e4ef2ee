"""Cuts recorded tables into steps: finds the loop of the model that does what the kernel did.

A loop of the model fits the kernel if on every recorded table it yields the same events as the
kernel, in the same order and on the same entries and pages. Then the steps are what the kernel
executed between its events, and the loop can run on any layout. The steps are tried on tables that
they were not cut from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from costmodel.code.events import Mark, Step
from costmodel.code.library import Library, from_arrays, load_library, to_arrays
from costmodel.code.record import Recorder
from costmodel.emulation.scenes import Scene
from costmodel.emulation.targets import TASK_LINE
from costmodel.mm.address_space import AddressSpace, Vma, VmaKind
from costmodel.mm.build import Memory
from costmodel.mm.folio import Folio, FrameTable
from costmodel.mm.pte import CONT, DIRTY, PRESENT, TABLE_PTES, WRITE, YOUNG, make_pte
from costmodel.operations.fork.operation import FILE
from costmodel.operations.registry import operation_named
from costmodel.recorder.archive import RecordedProgram, Recording
from costmodel.recorder.build_archive import RELEASE
from costmodel.recorder.extract import libraries_of
from costmodel.recorder.fallback import completed
from costmodel.recorder.recorded import KnownLoops, Seen

_BASE_PFN: Final = 1 << 20
MOST_OFF_PCT: Final = 1.0
"""By how many percent steps may miss the number of micro-ops of a table; else they are refused, if
the caller does not allow more."""
_NEARLY_EXACT_PCT: Final = 0.05
"""If steps miss no table by more than this, taking fragments in turn is not tried as well."""


@dataclass(frozen=True, eq=False)
class TableRecording:
    """A recorded table: its scene, the entries with the contiguous bit, and its rows."""

    scene: Scene
    contiguous: frozenset[int]
    window: Recording


@dataclass(frozen=True)
class Cut:
    """The loop and the steps of a kernel.

    ``loop``: the arguments that name the loop in an archive. ``exact``: whether the steps reproduce
    the number of micro-ops of every table with folios of one order. ``off_pct``: the most by which
    they miss the number of micro-ops of any other table, in percent. ``releases``: whether the
    release of gathered pages is in the steps.
    """

    loop: Mapping[str, Any]
    library: Library
    exact: bool
    off_pct: float
    releases: bool = False


def cut_into_steps(
    program: RecordedProgram,
    tables: Sequence[TableRecording],
    trials: Sequence[TableRecording],
    *,
    operation: str,
    contpte: bool,
    posted: bool = False,
    most_off_pct: float = MOST_OFF_PCT,
) -> Cut | str:
    """Return the steps of a kernel, or why there are none.

    They are cut from ``tables`` and tried on ``trials``. Loops of the model are tried one after the
    other; if none fits, the text says where the one that came furthest differs from the kernel.
    Recorded releases of pages are cut as well, if they have the events of the model. ``posted``:
    the program is named after a posting, which may lack what the tree of its recording has.
    """
    known = operation_named(operation).recorded()
    loops = known.loops
    if loops is None:
        return "the model has no loop for it"
    if posted:
        tables, trials = (
            [replace(table, window=known.prepare(program, table.window)) for table in some]
            for some in (tables, trials)
        )
    cutter = _Cutter(program, operation, loops, contpte, most_off_pct)
    events = {t: cutter.events(t.window) for t in (*tables, *trials)}
    names = {event for seen in events.values() for _, event, _ in seen}
    furthest, why = (-1, 0), "no loop of the model fits"
    for choices in loops.choices(names, contpte):
        marks, parts = cutter.matched(choices, events)
        if parts is None:
            return cutter.best(choices, marks, tables, trials)
        if (len(marks), parts.events) > furthest:
            furthest, why = (len(marks), parts.events), parts.reason
    return why


_Marks = Mapping[TableRecording, Sequence[Mark]]


class _Parting(NamedTuple):
    """Where a loop and a kernel part: behind how many events of a table, and what differs."""

    events: int
    reason: str


@dataclass(frozen=True)
class _Cutter:
    """Compares loops of the model with a kernel, and cuts what the kernel executed."""

    program: RecordedProgram
    operation: str
    loops: KnownLoops
    contpte: bool
    most_off_pct: float

    def events(self, window: Recording) -> list[Seen]:
        """Return the events of a window; what dropping a lock may look like is none of a table."""
        found = self.loops.events(self.program, window, TASK_LINE)
        return [seen for seen in found if seen[1] != self.loops.between]

    def matched(
        self, choices: Mapping[str, Any], events: Mapping[TableRecording, Sequence[Seen]]
    ) -> tuple[_Marks, _Parting | None]:
        """Return the marks of all tables before the first one that a loop does not fit, and why."""
        marks: dict[TableRecording, list[Mark]] = {}
        for table, seen in events.items():
            steps = [step for step in self._steps(choices, table) if not self._is_between(step)]
            found = _marks(table.window, seen, steps, self.loops.on_pages)
            if isinstance(found, _Parting):
                return marks, found
            marks[table] = found
        return marks, None

    def best(
        self,
        choices: Mapping[str, Any],
        marks: _Marks,
        tables: Sequence[TableRecording],
        trials: Sequence[TableRecording],
    ) -> Cut | str:
        """Return the steps of a loop that fits, or why they are not good enough.

        Fragments between which no known fact decides, such as the copies of an unrolled loop, are
        taken in turn where that is nearer to the tables.
        """
        marked = [(table.window, marks[table]) for table in tables]
        releases = self.releases()
        events = {mark.step.event for _, found in releases for mark in found}
        found: Cut | str = ""
        least_pct = float("inf")
        libraries = libraries_of(self.operation, self.program, [*marked, *releases], events)
        for library in libraries:
            cut, missed_pct = self._tried(choices, library, marks, trials)
            if isinstance(cut, Cut):
                cut = replace(cut, releases=bool(releases))
            if missed_pct < least_pct:
                found, least_pct = cut, missed_pct
            if missed_pct <= _NEARLY_EXACT_PCT:
                break
        return found

    def releases(self) -> list[tuple[Recording, Sequence[Mark]]]:
        """Return the recorded releases of gathered pages with their events.

        There are none where the kernel lacks an event by which the model releases pages.
        """
        known = operation_named(self.operation).recorded()
        windows = (
            known.prepare(self.program, window)
            for window in self.program.recordings.values()
            if window.layout.endswith(RELEASE)
        )
        found: list[tuple[Recording, Sequence[Mark]]] = [
            (window, known.find(self.program, window)) for window in windows
        ]
        seen = {mark.step.event for _, marks in found for mark in marks}
        return found if seen >= self.loops.released else []

    def _tried(
        self,
        choices: Mapping[str, Any],
        library: Library,
        marks: _Marks,
        trials: Sequence[TableRecording],
    ) -> tuple[Cut | str, float]:
        """Return the steps, or why they are not good enough, and by how many percent they miss."""
        library = self._completed(library)
        missed = {t: self._missed_pct(library, choices, t, of) for t, of in marks.items()}
        worst = max(missed, key=missed.__getitem__)
        if missed[worst] <= self.most_off_pct:
            exact = not any(pct for table, pct in missed.items() if not table.scene.mixed)
            return Cut(choices, library, exact, max(missed[t] for t in trials)), missed[worst]
        place = f"{worst.window.state}/{worst.window.layout}"
        reason = f"{place}: its steps miss the micro-ops of the table by {missed[worst]:.1f} %"
        return reason, missed[worst]

    def _completed(self, steps: Library) -> Library:
        """Return steps with those between tables, from a recorded kernel that has them."""
        build_name = self.program.name.rpartition(".")[2]
        fallback = load_library(self.operation, f"{self.loops.fallback}.{build_name}")
        return completed(steps, fallback, {self.loops.between})

    def _missed_pct(
        self,
        library: Library,
        choices: Mapping[str, Any],
        table: TableRecording,
        marks: Sequence[Mark],
    ) -> float:
        """Return by how many percent the steps miss the number of micro-ops of a table.

        Micro-ops are counted from the first event of the loop to the last.
        """
        steps = self._steps(choices, table)
        opened = from_arrays(self.operation, library.name, *to_arrays(library).values())
        before = Step(operation_named(self.operation).event_before, -1, -1, -1)
        record = Recorder(opened).record(steps, before)
        first = next(i for i, step in enumerate(steps) if not self._is_between(step))
        made = int(record.results[-1] - record.results[first])
        wanted = marks[-1].row - marks[0].row
        return 100 * abs(made - wanted) / wanted

    def _steps(self, choices: Mapping[str, Any], table: TableRecording) -> list[Step]:
        """Return what a loop announces on the memory of a table."""
        function = self.loops.loop_of(choices)
        begun = self.loops.begun(_memory(table), table.window.state, self.contpte, function)
        return [step for step in function(begun) if isinstance(step, Step)]

    def _is_between(self, step: Step) -> bool:
        """Tell whether a step of a loop belongs to what happens between two tables."""
        return step.event == self.loops.between


def _marks(
    window: Recording, found: Sequence[Seen], steps: Sequence[Step], on_pages: frozenset[str]
) -> list[Mark] | _Parting:
    """Return the events of a window as the loop yields them, or where the two differ."""
    place = f"{window.state}/{window.layout}"
    first = next((step.page for step in steps if step.event in on_pages), 0)
    first -= next((int(window.index[row]) for row, event, _ in found if event in on_pages), 0)
    marks: list[Mark] = []
    for (row, event, slot), step in zip(found, steps, strict=False):
        alike = step.event == event or (event == "scan" and step.event == "peek")
        if not alike or (slot is not None and slot != step.slot):
            what = f"{event} of entry {slot} where {step.event} of {step.slot} must be"
            return _Parting(len(marks), f"{place}: {what}")
        placed = step._replace(page=step.page - first, head=step.head - first)
        if event in on_pages and window.index[row] != placed.page:
            what = f"{event} on another page than entry {step.slot} maps"
            return _Parting(len(marks), f"{place}: {what}")
        marks.append(Mark(row, placed))
    if len(found) != len(steps):
        what = f"{len(found)} events where {len(steps)} must be"
        return _Parting(len(marks), f"{place}: {what}")
    return marks


def _memory(table: TableRecording) -> Memory:
    of_file = table.window.state == FILE.name
    kind = VmaKind.PRIVATE_FILE if of_file else VmaKind.ANONYMOUS
    common = PRESENT | YOUNG | (0 if of_file else DIRTY | WRITE)
    space, frames = AddressSpace([Vma(0, TABLE_PTES, kind)]), FrameTable()
    slots = space.pmds.ensure(0)
    for piece in table.scene.pieces:
        folio = Folio(piece.order, _BASE_PFN + piece.frame, anon=not of_file)
        frames.add(folio)
        for ahead in range(piece.pages):
            folio.map_page(piece.first + ahead)
            folio.exclusive[piece.first + ahead] = not of_file
            slot = piece.page + ahead
            flags = common | (CONT if slot in table.contiguous else 0)
            slots[slot] = make_pte(folio.first_pfn + piece.first + ahead, flags)
    return Memory(space, frames)
