"""Cuts recordings into steps: ``python -m costmodel.recorder.extract`` rebuilds the step archives.

A step is the code that was executed between two successive events, and these two identify it. Where
a program was recorded with several fragments between the same two events, the smallest set of facts
that decides between them is found and stored with them.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from costmodel.code.events import ContextTracker, Mark
from costmodel.code.library import (
    OF_MICRO_OPS,
    OF_ROWS,
    Library,
    RecordedChoice,
    archive_of,
    to_arrays,
)
from costmodel.code.step_archive import Arrays, pack
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
from costmodel.recorder.fallback import fallback_events, fallback_of, joined, windows_of
from costmodel.recorder.fragments import Fragment, FragmentBuilder, Occurrence
from costmodel.recorder.recorded import RecordedEvents

_Key = tuple[str, str]
_Found = dict[_Key, dict[Fragment, list[Occurrence]]]
_Numbered = dict[_Key, list[tuple[int, list[Occurrence]]]]


def extract(operation: str, program: RecordedProgram) -> Library:
    """Return the steps of a recorded program, with those of its fallback if it needs one."""
    known = operation_named(operation).recorded()
    windows = (known.prepare(program, recorded) for recorded in program.recordings.values())
    found = _cut_all(known, ((window, known.find(program, window)) for window in windows))
    fallback = fallback_of(program.name, known.fallbacks)
    if fallback is not None:
        fallback_program = load_program(operation, fallback)
        if _add_missing(known, program, fallback_program, found):
            program = joined(program, fallback_program)
    builder, numbered = _numbered(program, found)
    choices = _choices(numbered, (), takes_turns=known.takes_turns)
    return without_unused_fragments(_library(program, builder, choices))


def libraries_of(
    operation: str,
    program: RecordedProgram,
    marked: Iterable[tuple[Recording, Sequence[Mark]]],
    turning: Collection[str] = (),
) -> Iterator[Library]:
    """Yield the steps of windows whose events the caller has found, chosen in two ways.

    ``marked``: each window with its events in order. The first library takes the commonest fragment
    where no known fact decides, the second one takes such fragments in turn. Fragments that end
    with an event of ``turning`` are taken in turn in both.
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


def _numbered(program: RecordedProgram, found: _Found) -> tuple[FragmentBuilder, _Numbered]:
    """Return the fragments that were found with their numbers, and what built them."""
    builder = FragmentBuilder()
    return builder, {
        key: [(builder.add(program, fragment, seen), seen) for fragment, seen in fragments.items()]
        for key, fragments in sorted(found.items())
    }


def _choices(
    numbered: _Numbered, turning: Collection[str], *, takes_turns: bool
) -> dict[_Key, RecordedChoice]:
    """Return what decides between the fragments of each pair of events.

    Those that end with an event of ``turning`` are taken in turn whatever ``takes_turns`` says.
    """
    return {
        key: choose(
            ((fragment, o) for fragment, seen in fragments for o in seen),
            takes_turns=takes_turns or key[1] in turning,
        )
        for key, fragments in numbered.items()
    }


def _add_missing(
    known: RecordedEvents, program: RecordedProgram, fallback: RecordedProgram, found: _Found
) -> bool:
    """Add the steps of the fallback that are missing in the program's own recordings.

    Returns whether there are any.
    """
    theirs: _Found = defaultdict(lambda: defaultdict(list))
    for recorded, window in windows_of(program, fallback):
        _cut(known, window, known.find(fallback, recorded), theirs)
    events = fallback_events(program, known.missing)
    added = {key: fragments for key, fragments in theirs.items() if not events.isdisjoint(key)}
    for key, fragments in added.items():
        found.setdefault(key, fragments)
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
        fragment = tuple(zip(uops[first_row:stop], taken[first_row:stop], strict=True))
        context = tracker.context_at(mark.step)
        occurrence = Occurrence(window, first_row, tracker.last, mark.step, context, certain)
        found[tracker.last.event, mark.step.event][fragment].append(occurrence)
        tracker.advance(mark.step)
        first_row, certain = stop, mark.certain


def _library(
    program: RecordedProgram, builder: FragmentBuilder, choices: dict[_Key, RecordedChoice]
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
        fragment_start=np.array(builder.starts),
        fragment_length=np.array(builder.lengths),
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


def without_unused_fragments(library: Library) -> Library:
    """Return a library as it was cut, without fragments that no choice leads to."""
    fragments = sorted(
        {fragment for choice in library.choices.values() for fragment in choice.numbers}
    )
    rows, lengths = library.rows_of(fragments), library.fragment_length[fragments]
    number = {fragment: new for new, fragment in enumerate(fragments)}
    return replace(
        library,
        **{name: getattr(library, name)[rows] for name in (*OF_ROWS, "uop", "far")},
        fragment_start=np.cumsum([0, *lengths])[:-1],
        fragment_length=lengths,
        choices={key: choice.renumbered(number) for key, choice in library.choices.items()},
    )


def without_unused(library: Library) -> Library:
    """Return a library as it was cut, without fragments and micro-ops that no choice leads to.

    Its micro-ops have other numbers than in the recording.
    """
    library = without_unused_fragments(library)
    groups = np.unique(library.far[library.far >= 0])
    members = [
        library.group_member[library.group_start[group] : library.group_start[group + 1]]
        for group in groups
    ]
    uops = np.unique(np.concatenate([library.uop, *members]))
    far = np.where(library.far < 0, -1, np.searchsorted(groups, library.far))
    return replace(
        library,
        **{name: getattr(library, name)[uops] for name in OF_MICRO_OPS},
        uop=np.searchsorted(uops, library.uop),
        far=far.astype(np.int32),
        group_start=np.cumsum([0, *map(len, members)]),
        group_member=np.searchsorted(uops, np.concatenate([np.zeros(0, np.int64), *members])),
    )


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
        folder = Path(str(operation_named(operation).steps))
        archives: dict[str, dict[str, Arrays]] = defaultdict(dict)
        for name, steps in _steps_of(operation):
            archives[archive_of(name)][name] = steps
        for archive, programs in archives.items():
            write_bytes(folder / archive, pack(programs))


if __name__ == "__main__":
    main()
