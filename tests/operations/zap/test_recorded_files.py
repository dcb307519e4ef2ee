"""The events of unmapping pages of files and of shared memory in recorded windows."""

from __future__ import annotations

from collections import Counter

import pytest

from costmodel.code.events import NO_PAGE, Mark, Trait
from costmodel.operations.zap.recorded_files import file_marks, without_flush
from costmodel.recorder import Recording, load_program, recorded_names

CASES = [
    (name, key)
    for name in recorded_names("zap")
    for key in load_program("zap", name).recordings
    if key.startswith(("shared-", "file-")) and key[-1] in "04"
]


def marks(name: str, key: str) -> tuple[Recording, list[Mark]]:
    program = load_program("zap", name)
    window = without_flush(program, program.recordings[key])
    return window, file_marks(program, window)


@pytest.mark.parametrize(("name", "key"), CASES)
def test_every_page_is_uncounted_once_and_is_the_one_of_its_slot(name: str, key: str) -> None:
    window, found = marks(name, key)
    events = Counter(mark.step.event for mark in found)
    assert events["clear"] == events["unmap"] == window.ptes
    cleared = [mark.step for mark in found if mark.step.event == "clear"]
    uncounted = [mark.step for mark in found if mark.step.event == "unmap"]
    assert [step.slot for step in cleared] == list(range(window.ptes))
    assert NO_PAGE not in [step.page for step in cleared]
    folio = 1 << int(key[-1])
    assert [step.page % folio for step in uncounted] == [
        slot % folio for slot in range(window.ptes)
    ]
    assert sorted(step.page for step in uncounted) == sorted({step.page for step in uncounted})
    if not window.state.startswith("shared"):
        assert [step.slot for step in uncounted] == list(range(window.ptes))
        return
    # Dirty entries are flushed first: their mappings have no entry any more.
    assert {step.slot for step in uncounted} == {0}


@pytest.mark.parametrize(("name", "key"), CASES)
def test_the_head_is_the_first_page_of_the_folio(name: str, key: str) -> None:
    _, found = marks(name, key)
    folio = 1 << int(key[-1])
    for mark in found:
        if mark.step.page != NO_PAGE:
            assert mark.step.head == mark.step.page // folio * folio
        assert bool(mark.step.traits & Trait.LARGE) == (folio > 1)
        assert bool(mark.step.traits & Trait.SHARED) == key.startswith("shared")


@pytest.mark.parametrize(("name", "key"), [c for c in CASES if c[1][-1] == "4"])
def test_a_folio_opens_and_closes_once_where_the_unmap_is_its_last(name: str, key: str) -> None:
    window, found = marks(name, key)
    unmaps = [mark.step.traits for mark in found if mark.step.event == "unmap"]
    sole = bool(unmaps[0] & Trait.SOLE)
    opens = sum(bool(traits & Trait.OPENS) for traits in unmaps)
    closes = sum(bool(traits & Trait.CLOSES) for traits in unmaps)
    folios = window.ptes >> int(key[-1])
    assert (opens, closes) == ((folios, folios) if sole else (window.ptes, 0))


@pytest.mark.parametrize(("name", "key"), CASES)
def test_dirty_and_accessed_bits_are_passed_on(name: str, key: str) -> None:
    window, found = marks(name, key)
    events = Counter(mark.step.event for mark in found)
    assert bool(events["dirty"]) == window.state.startswith("shared"), "only these are written"
    assert events["accessed"]


@pytest.mark.parametrize(("name", "key"), CASES)
def test_no_flush_is_left_behind_the_last_entry(name: str, key: str) -> None:
    program = load_program("zap", name)
    window = without_flush(program, program.recordings[key])
    kinds = program.kind[window.uop]
    last = max(row for row, target in enumerate(program.target[window.uop]) if target == "src")
    assert not set(kinds[last:]) & {"tlbi", "dsb", "isb"}
