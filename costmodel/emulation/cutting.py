"""Cuts recorded tables into steps: finds the loop of the model that does what the kernel did.

A loop of the model fits the kernel if on every recorded table it yields the same events as the
kernel, in the same order and on the same entries and pages. Then the steps are what the kernel
executed between its events, and the loop can run on any layout. The steps are tried on tables that
they were not cut from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any, Final

from costmodel.code.events import Mark, Step
from costmodel.code.library import Library, from_arrays, load_library, to_arrays
from costmodel.code.record import Recorder
from costmodel.code.uops import Uop
from costmodel.emulation.scenes import Scene
from costmodel.emulation.targets import TASK_LINE
from costmodel.mm.address_space import AddressSpace, Vma, VmaKind
from costmodel.mm.build import Memory
from costmodel.mm.folio import Folio, FrameTable
from costmodel.mm.pte import CONT, DIRTY, PRESENT, TABLE_PTES, WRITE, YOUNG, make_pte
from costmodel.operations.fork.batching import Batching
from costmodel.operations.fork.mm import ForkOperation
from costmodel.operations.fork.named_loop import LOOKS, loop_of
from costmodel.operations.fork.operation import FILE
from costmodel.operations.fork.recorded import rows_of_events
from costmodel.operations.shared.strategy import Function
from costmodel.recorder.archive import RecordedProgram, Recording
from costmodel.recorder.donors import completed
from costmodel.recorder.extract import library_of

_BASE_PFN: Final = 1 << 20
_LAST: Final = Step("set", -1, -1, -1)
_BETWEEN_TABLES: Final = "v6.12.117"
"""The booted kernel from whose recording the steps between tables are taken: they allocate, clear
and lock a table."""
MOST_OFF_PCT: Final = 1.0
"""By how many percent steps may miss the number of micro-ops of a table; else they are refused."""
_NEARLY_EXACT_PCT: Final = 0.05
"""If steps miss no table by more than this, taking paths in turn is not tried as well."""
_PAGES: Final = frozenset({"clear_exclusive", "map"})
"""Events on one struct page: its number must be the same in the recording and in the loop."""


@dataclass(frozen=True, eq=False)
class TableRecording:
    """A recorded table: its scene, the entries with the contiguous bit, and its rows."""

    scene: Scene
    contiguous: frozenset[int]
    window: Recording


@dataclass(frozen=True)
class Cut:
    """The loop and the steps of a kernel.

    ``loop``: the arguments of :func:`loop_of`. ``exact``: whether the steps reproduce the number of
    micro-ops of every table with folios of one order. ``off_pct``: the most by which they miss the
    number of micro-ops of any other table, in percent.
    """

    loop: Mapping[str, Any]
    library: Library
    exact: bool
    off_pct: float


def cut_into_steps(
    program: RecordedProgram,
    tables: Sequence[TableRecording],
    trials: Sequence[TableRecording],
    *,
    contpte: bool,
) -> Cut | str:
    """Return the steps of a kernel, or why there are none.

    They are cut from ``tables`` and tried on ``trials``. Loops of the model are tried one after the
    other; if none fits, the text says where the one that came furthest differs from the kernel.
    """
    events = {t: rows_of_events(program, t.window, TASK_LINE) for t in (*tables, *trials)}
    furthest, why = -1, "no loop of the model fits"
    looks = any(event == LOOKS for seen in events.values() for _, event, _ in seen)
    for batching in _candidates(contpte=contpte):
        choices = {"batching": batching, "resched": looks}
        function = loop_of(choices)
        marks, parts = _matched(function, events, contpte=contpte)
        if not parts:
            cut, missed_pct = _tried(
                program, choices, marks, tables, trials, turns=False, contpte=contpte
            )
            if missed_pct > _NEARLY_EXACT_PCT:
                turning = _tried(
                    program, choices, marks, tables, trials, turns=True, contpte=contpte
                )
                cut = turning[0] if turning[1] < missed_pct else cut
            return cut
        if len(marks) > furthest:
            furthest, why = len(marks), parts
    return why


def _tried(
    program: RecordedProgram,
    choices: Mapping[str, Any],
    marks: Mapping[TableRecording, Sequence[Mark]],
    tables: Sequence[TableRecording],
    trials: Sequence[TableRecording],
    *,
    turns: bool,
    contpte: bool,
) -> tuple[Cut | str, float]:
    """Return the steps, or why they are not good enough, and by how many percent they miss.

    ``turns``: whether paths between which no known fact decides, such as the copies of an unrolled
    loop, are taken in turn.
    """
    marked = [(t.window, marks[t]) for t in tables]
    library, loop = _completed(program, marked, turns=turns), loop_of(choices)
    missed = {t: _missed_pct(library, loop, t, of, contpte=contpte) for t, of in marks.items()}
    worst = max(missed, key=missed.__getitem__)
    if missed[worst] <= MOST_OFF_PCT:
        exact = not any(missed[table] for table in tables if not table.scene.mixed)
        return Cut(choices, library, exact, max(missed[t] for t in trials)), missed[worst]
    place = f"{worst.window.state}/{worst.window.layout}"
    reason = f"{place}: its steps miss the micro-ops of the table by {missed[worst]:.1f} %"
    return reason, missed[worst]


def _completed(
    program: RecordedProgram,
    marked: Sequence[tuple[Recording, Sequence[Mark]]],
    *,
    turns: bool,
) -> Library:
    """Return the steps, with those between tables from a booted kernel.

    The emulated object does not execute them.
    """
    build_name = program.name.rpartition(".")[2]
    donor = load_library("fork", f"{_BETWEEN_TABLES}.{build_name}")
    steps = library_of("fork", program, marked, takes_turns=turns)
    return completed(steps, donor, {"alloc"})


def _missed_pct(
    library: Library,
    function: Function,
    table: TableRecording,
    marks: Sequence[Mark],
    *,
    contpte: bool,
) -> float:
    """Return by how many percent the steps miss the number of micro-ops of a table.

    Micro-ops are counted from the first event of the loop to the last.
    """
    steps = list(function(_begun(function, table, contpte=contpte)))
    opened = from_arrays("fork", library.name, *to_arrays(library).values())
    record = Recorder(opened).record(steps, _LAST)
    first = next(i for i, step in enumerate(steps) if not _is_between(step))
    made = int(record.results[-1] - record.results[first])
    wanted = marks[-1].row - marks[0].row
    return 100 * abs(made - wanted) / wanted


def _is_between(step: Step | Uop) -> bool:
    """Tell whether a step of a loop belongs to what happens between two tables."""
    return isinstance(step, Step) and step.event == "alloc"


def _candidates(*, contpte: bool) -> Iterator[Mapping[str, Any] | None]:
    """Yield the batching of the known kernels' loops, and of loops between them."""
    yield None
    reads = [(True, True), (True, False), (False, False)] if contpte else [(False, False)]
    for (gathers, hints), past, large, blocks in product(
        reads, (False, True), (True, False), (True, False)
    ):
        how = Batching(
            looks_past_folio=past,
            counts_large=large,
            gathers=gathers,
            hints=hints,
            protects_blocks=blocks,
        )
        yield asdict(how)


def _matched(
    function: Function,
    events: Mapping[TableRecording, Sequence[tuple[int, str, int | None]]],
    *,
    contpte: bool,
) -> tuple[dict[TableRecording, list[Mark]], str]:
    """Return the marks of all tables before the first that does not fit, and where that differs.

    The text is empty if all fit.
    """
    marks: dict[TableRecording, list[Mark]] = {}
    for table, seen in events.items():
        begun = _begun(function, table, contpte=contpte)
        steps = [s for s in function(begun) if isinstance(s, Step) and not _is_between(s)]
        found = _marks(table.window, seen, steps)
        if isinstance(found, str):
            return marks, found
        marks[table] = found
    return marks, ""


def _marks(
    window: Recording, found: Sequence[tuple[int, str, int | None]], steps: Sequence[Step]
) -> list[Mark] | str:
    """Return the events of a window as the loop yields them, or where the two differ."""
    place = f"{window.state}/{window.layout}"
    first = next((step.page for step in steps if step.event in _PAGES), 0)
    first -= next((int(window.index[row]) for row, event, _ in found if event in _PAGES), 0)
    marks = []
    for (row, event, slot), step in zip(found, steps, strict=False):
        alike = step.event == event or (event == "scan" and step.event == "peek")
        if not alike or (slot is not None and slot != step.slot):
            return f"{place}: {event} of entry {slot} where {step.event} of {step.slot} must be"
        placed = step._replace(page=step.page - first, head=step.head - first)
        if event in _PAGES and window.index[row] != placed.page:
            return f"{place}: {event} on another page than entry {step.slot} maps"
        marks.append(Mark(row, placed))
    if len(found) != len(steps):
        return f"{place}: {len(found)} events where {len(steps)} must be"
    return marks


def _begun(function: Function, table: TableRecording, *, contpte: bool) -> ForkOperation:
    """Return a fork of the memory of a table; read-only memory was forked before."""
    memory = _memory(table)
    if table.window.state == "ro":
        for _ in function(ForkOperation.begin(memory, contpte=contpte)):
            pass
    return ForkOperation.begin(memory, contpte=contpte)


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
