"""The events that are found in recorded unmaps and releases."""

from __future__ import annotations

from collections import Counter

import pytest

from costmodel.code.events import Mark, Trait
from costmodel.operations.shared.pmd import LAYOUT
from costmodel.operations.zap.recorded import as_posted, find
from costmodel.recorder import load_program, recorded_names

CASES = [
    (name, key)
    for name in recorded_names("zap")
    for key in load_program("zap", name).recordings
    if not key.endswith(("order9", "transition", LAYOUT)) and "@" not in name
]


def marks(name: str, key: str) -> list[Mark]:
    program = load_program("zap", name)
    return find(program, as_posted(program, program.recordings[key]))


@pytest.mark.parametrize(("name", "key"), [c for c in CASES if not c[1].endswith("_release")])
def test_every_entry_is_cleared_and_unmapped_once(name: str, key: str) -> None:
    found = marks(name, key)
    events = Counter(mark.step.event for mark in found)

    assert events["clear"] == events["unmap"] == 64
    assert [m.step.slot for m in found if m.step.event == "unmap"] == list(range(64))
    batched = name.startswith(("v6.12", "no_hint"))
    order = int(key[-1])
    assert events["slot"] == (64 >> order if batched else 64)
    assert events["large_unmap"] == (64 >> order if batched and order else 0)


@pytest.mark.parametrize(("name", "key"), [c for c in CASES if c[1].endswith("_release")])
def test_what_is_released_goes_through_every_pass_once(name: str, key: str) -> None:
    program = load_program("zap", name)
    pages = program.recordings[key].ptes
    found = marks(name, key)
    events = Counter(mark.step.event for mark in found)
    order = int(key[key.index("order") + 5])
    folios = pages >> order
    freed = sum(bool(m.step.traits & Trait.CLOSES) for m in found if m.step.event == "put")

    if key.startswith("exit"):
        assert set(events) == {"batch", "take", "put"}
        return
    assert events["tail"] == pages - folios
    # Two page tables lie in the list of whole tables on x86.
    assert freed - folios in (0, 2)
    assert events["uncharge"] == events["prepare"] == folios


def test_the_large_map_counter_goes_where_the_posted_kernel_had_none() -> None:
    for name, atomics in (("v6.7.x86_64", 1), ("v6.12.117.x86_64", 0)):
        program = load_program("zap", name)
        window = program.recordings["munmap/order4"]
        posted = as_posted(program, window)
        kinds = [Counter(program.kind[w.uop].tolist())["rmw"] for w in (window, posted)]
        assert kinds[0] - kinds[1] == 64 * atomics


def test_an_unfold_is_clear_flush_restore() -> None:
    events = [m.step.event for m in marks("v4_before_change.arm64_contpte", "exit/order4")]
    assert events[:6] == ["read", "gather", "clear_src", "flush", "restore_src", "clear"]
    assert events.count("clear_src") == 4
