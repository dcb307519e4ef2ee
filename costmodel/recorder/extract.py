"""Cuts recordings into steps: ``python -m costmodel.recorder.extract`` rebuilds the step archives.

A step is the code that was executed between two successive events, and these two identify it. Where
a program was recorded with several paths between the same two events, the smallest set of facts
that decides between them is found and stored with them.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path as FilePath

import numpy as np

from costmodel.code.events import ContextTracker, Mark
from costmodel.code.library import BUILD_MARK, Library, RecordedChoice, to_arrays
from costmodel.code.step_archive import BUILDS, STEPS, Arrays, pack
from costmodel.files import write_bytes
from costmodel.operations.registry import operation_named, operation_names
from costmodel.recorder.archive import (
    RecordedProgram,
    Recording,
    cut_programs,
    load_program,
    recorded_names,
)
from costmodel.recorder.choose import choose
from costmodel.recorder.donors import donated_events, donor_of, joined, windows_of
from costmodel.recorder.paths import Occurrence, Path, PathBuilder
from costmodel.recorder.recorded import RecordedEvents

_Key = tuple[str, str]
_Found = dict[_Key, dict[Path, list[Occurrence]]]
_Numbered = dict[_Key, list[tuple[int, list[Occurrence]]]]


def extract(operation: str, program: RecordedProgram) -> Library:
    """Return the steps of a recorded program, with those of its donor if it needs one."""
    known = operation_named(operation).recorded()
    windows = (known.prepare(program, recorded) for recorded in program.recordings.values())
    found = _cut_all(known, ((window, known.find(program, window)) for window in windows))
    donor = donor_of(program.name, known.donors)
    if donor is not None:
        from_donor = load_program(operation, donor)
        if _add_donated(known, program, from_donor, found):
            program = joined(program, from_donor)
    builder, numbered = _numbered(program, found)
    return _library(program, builder, _choices(numbered, (), takes_turns=known.takes_turns))


def libraries_of(
    operation: str,
    program: RecordedProgram,
    marked: Iterable[tuple[Recording, Sequence[Mark]]],
    turning: Collection[str] = (),
) -> Iterator[Library]:
    """Yield the steps of windows whose events the caller has found, chosen in two ways.

    ``marked``: each window with its events in order. The first library takes the commonest path
    where no known fact decides, the second one takes such paths in turn. Paths that end with an
    event of ``turning`` are taken in turn in both.
    """
    found = _cut_all(operation_named(operation).recorded(), marked)
    builder, numbered = _numbered(program, found)
    for turns in (False, True):
        yield _library(program, builder, _choices(numbered, turning, takes_turns=turns))


def _cut_all(known: RecordedEvents, marked: Iterable[tuple[Recording, Sequence[Mark]]]) -> _Found:
    found: _Found = defaultdict(lambda: defaultdict(list))
    for window, marks in marked:
        _cut(known, window, marks, found)
    return found


def _numbered(program: RecordedProgram, found: _Found) -> tuple[PathBuilder, _Numbered]:
    """Return the paths that were found with their numbers, and what built them."""
    builder = PathBuilder()
    return builder, {
        key: [(builder.add(program, path, seen), seen) for path, seen in paths.items()]
        for key, paths in sorted(found.items())
    }


def _choices(
    numbered: _Numbered, turning: Collection[str], *, takes_turns: bool
) -> dict[_Key, RecordedChoice]:
    """Return what decides between the paths of each pair of events.

    Those that end with an event of ``turning`` are taken in turn whatever ``takes_turns`` says.
    """
    return {
        key: choose(
            ((path, o) for path, seen in paths for o in seen),
            takes_turns=takes_turns or key[1] in turning,
        )
        for key, paths in numbered.items()
    }


def _add_donated(
    known: RecordedEvents, program: RecordedProgram, donor: RecordedProgram, found: _Found
) -> bool:
    """Add the steps of a donor for the events that are not in the program's own recordings.

    Returns whether there are any.
    """
    donated: _Found = defaultdict(lambda: defaultdict(list))
    for recorded, window in windows_of(program, donor):
        _cut(known, window, known.find(donor, recorded), donated)
    events = donated_events(program, known.donated)
    added = {key: paths for key, paths in donated.items() if not events.isdisjoint(key)}
    for key, paths in added.items():
        found.setdefault(key, paths)
    return bool(added)


def _cut(
    known: RecordedEvents,
    window: Recording,
    marks: Sequence[Mark],
    found: _Found,
) -> None:
    uops, taken = window.uop.tolist(), window.taken.tolist()
    tracker = ContextTracker(marks[0].step, known.before_window(window, marks[0].step))
    first_row, certain = marks[0].row + 1, marks[0].certain
    for mark in marks[1:]:  # the first step of a window is cut off in its middle
        stop = mark.row + 1
        path = tuple(zip(uops[first_row:stop], taken[first_row:stop], strict=True))
        facts = tracker.context_at(mark.step)
        occurrence = Occurrence(window, first_row, tracker.last, mark.step, facts, certain)
        found[tracker.last.event, mark.step.event][path].append(occurrence)
        tracker.advance(mark.step)
        first_row, certain = stop, mark.certain


def _library(
    program: RecordedProgram, builder: PathBuilder, choices: dict[_Key, RecordedChoice]
) -> Library:
    rows = np.array(builder.rows, dtype=np.int64)
    lengths = [len(group) for group in builder.groups]
    return Library(
        name=program.name,
        site=program.site,
        kind=program.kind.astype(np.object_),
        op=program.op.astype(np.object_),
        target=program.target.astype(np.object_),
        size_bytes=program.size_bytes,
        function=program.function.astype(np.object_),
        path_start=np.array(builder.starts),
        path_length=np.array(builder.lengths),
        uop=rows[:, 0],
        taken=rows[:, 1],
        role=rows[:, 2],
        index=rows[:, 3],
        offset=rows[:, 4],
        near=rows[:, 5:9].astype(np.int32),
        far=rows[:, 9:13].astype(np.int32),
        group_start=np.cumsum([0, *lengths]),
        group_member=np.array([member for group in builder.groups for member in group]),
        choices=choices,
        layouts=tuple(sorted({window.layout for window in program.recordings.values()})),
    )


def without_unused(library: Library) -> Library:
    """Return a library as it was cut without the paths and micro-ops that no choice leads to."""
    paths = sorted({path for choice in library.choices.values() for path in choice.numbers})
    starts, lengths = library.path_start[paths], library.path_length[paths]
    ranges = zip(starts, starts + lengths, strict=True)
    rows = np.concatenate([np.arange(start, end) for start, end in ranges])
    groups = np.unique(library.far[rows][library.far[rows] >= 0])
    members = [
        library.group_member[library.group_start[group] : library.group_start[group + 1]]
        for group in groups
    ]
    uops = np.unique(np.concatenate([library.uop[rows], *members]))
    number = {path: new for new, path in enumerate(paths)}
    far = np.where(library.far[rows] < 0, -1, np.searchsorted(groups, library.far[rows]))
    by_row = {name: getattr(library, name)[rows] for name in _BY_ROW}
    return replace(
        library,
        **{name: getattr(library, name)[uops] for name in _BY_UOP},
        **by_row,
        uop=np.searchsorted(uops, library.uop[rows]),
        far=far.astype(np.int32),
        path_start=np.cumsum([0, *lengths])[:-1],
        path_length=lengths,
        group_start=np.cumsum([0, *map(len, members)]),
        group_member=np.searchsorted(uops, np.concatenate([np.zeros(0, np.int64), *members])),
        choices={key: choice.renumbered(number) for key, choice in library.choices.items()},
    )


_BY_UOP = ("site", "kind", "op", "target", "size_bytes", "function")
_BY_ROW = ("taken", "role", "index", "offset", "near")


def _steps_of(operation: str) -> Iterator[tuple[str, Arrays]]:
    """Yield the steps of every program of an operation.

    Most are cut here; those of ``cut_programs`` were cut when they were recorded.
    """
    for name in recorded_names(operation):
        arrays = to_arrays(extract(operation, load_program(operation, name)))
        yield name, (arrays["numbers"], arrays["text"])
    yield from cut_programs(operation).items()


def main() -> None:
    """Rebuild the step archives of the operations named on the command line, or of all."""
    for operation in sys.argv[1:] or operation_names():
        folder = FilePath(str(operation_named(operation).steps))
        archives: dict[str, dict[str, Arrays]] = defaultdict(dict)
        for name, steps in _steps_of(operation):
            program, _, architecture = name.rpartition(".")
            kind = BUILDS if BUILD_MARK in program else STEPS
            archives[f"{architecture}.{kind}"][program] = steps
        for archive, programs in archives.items():
            write_bytes(folder / archive, pack(programs))


if __name__ == "__main__":
    main()
