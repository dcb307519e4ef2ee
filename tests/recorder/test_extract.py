"""Steps cut out of recordings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from costmodel.code.events import ContextTracker, Step
from costmodel.code.library import Library, archive_of, load_library, to_arrays
from costmodel.code.step_archive import unpacked
from costmodel.operations.fork.recorded import find
from costmodel.recorder import load_program
from costmodel.recorder.extract import extract, without_unused

NOTHING = (
    ContextTracker(Step("map", 0, 0, 0), "map")
    .context_at(Step("set", 0, 0, 0))
    ._replace(block_start=False)
)


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        ("fork", "v6.12.117.x86_64"),
        ("fork", "v6.9.arm64_contpte"),
        ("mprotect", "v7.2.13.arm64_contpte"),
        ("mremap", "v6.12.117.arm64_contpte"),
        ("mremap", "v6.12.117_tables.x86_64"),
    ],
)
def test_extraction_reproduces_the_committed_archive(operation: str, name: str) -> None:
    numbers, text = unpacked(operation, archive_of(name))[name]
    extracted = to_arrays(extract(operation, load_program(operation, name)))
    assert np.array_equal(extracted["numbers"], numbers)
    assert extracted["text"].tobytes() == text.tobytes()


def test_events_of_an_order_0_page() -> None:
    program = load_program("fork", "v6.12.117.x86_64")
    marks = find(program, program.recordings["rw/order0"])
    first = [(mark.step.event, mark.step.slot) for mark in marks[:8]]
    assert first == [
        ("get", 0),
        ("clear_exclusive", 0),
        ("map", 0),
        ("wrprotect", 0),
        ("set", 0),
        ("read", 1),
        ("get", 1),
        ("clear_exclusive", 1),
    ]


def test_a_look_behind_the_folio_is_a_peek_and_knows_whether_the_frame_follows() -> None:
    program = load_program("fork", "v6.9.arm64_nocontpte")
    marks = find(program, program.recordings["rw/order2"])
    peeks = [mark for mark in marks if mark.step.event == "peek"]
    assert all(mark.step.slot % 4 == 0 for mark in peeks)
    assert [mark.certain for mark in peeks] == [True] * (len(peeks) - 1) + [False]


def test_what_decides_between_fragments_is_what_the_kernel_branches_on() -> None:
    library = load_library("fork", "v6.12.117.arm64_contpte")
    assert library.turns("map", "clear_exclusive", NOTHING) == library.turns(
        "map", "clear_exclusive", NOTHING._replace(cont=True)
    )
    single = library.turns("wrprotect", "set", NOTHING)
    batch = library.turns("wrprotect", "set", NOTHING._replace(large=True))
    assert single != batch
    unfolded = NOTHING._replace(large=True, scanned=True)
    aligned = unfolded._replace(ends_block=True)
    protect = "large_map", "wrprotect"
    assert library.turns(*protect, unfolded) != library.turns(*protect, aligned)


Row = tuple[object, ...]


def rows_by_choice(library: Library) -> dict[tuple[str, str], list[list[Row]]]:
    """Return the rows of all fragments of each choice, by the sites of their micro-ops."""

    def row(at: int) -> Row:
        groups = [library.group_start[g : g + 2] for g in library.far[at] if g >= 0]
        far = [sorted(library.site[library.group_member[a:b]].tolist()) for a, b in groups]
        what = (library.site, library.kind, library.op, library.target, library.function)
        columns = (library.taken, library.role, library.index, library.offset)
        uop = library.uop[at]
        return (
            *(values[uop] for values in what), *(values[at] for values in columns),
            *library.near[at], far, *(group < 0 for group in library.far[at]),
        )  # fmt: skip

    return {
        key: [[row(at) for at in library.rows_of([number])] for number in choice.numbers]
        for key, choice in library.choices.items()
    }


@pytest.mark.parametrize("name", ["v6.12.117.x86_64", "v6.9.arm64_contpte"])
def test_what_no_choice_leads_to_can_be_left_out(name: str) -> None:
    whole = extract("fork", load_program("fork", name))
    some = dict(list(whole.choices.items())[::2])
    less = without_unused(replace(whole, choices=some))
    assert rows_by_choice(less) == {key: rows_by_choice(whole)[key] for key in some}
    assert len(less.fragment_start) == len({n for c in less.choices.values() for n in c.numbers})
    assert len(less.fragment_start) < len(whole.fragment_start) and len(less.site) < len(whole.site)
