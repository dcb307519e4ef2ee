"""Steps that come from another program."""

from __future__ import annotations

from itertools import pairwise

from costmodel.code.library import load_library
from costmodel.operations.fork.recorded import find
from costmodel.operations.registry import operation_named
from costmodel.recorder import RecordedProgram, load_program
from costmodel.recorder.donors import donated_events, donor_of


def test_kernels_that_were_never_seen_unfolding_can_unfold() -> None:
    for name in ("v6.12.117.arm64_contpte", "no_hint.arm64_contpte"):
        program = load_program("zap", name)
        library = load_library("zap", name)
        events = donated_events(program, operation_named("zap").recorded().donated)
        donated = [key for key in library.choices if not events.isdisjoint(key)]

        assert {now for _, now in donated} >= events
        own = len(program.site)
        for last, now in library.choices:
            path = library.choices[last, now].usual
            start = library.path_start[path]
            rows = library.uop[start : start + library.path_length[path]]
            assert ((rows >= own) == ((last, now) in donated)).all()


def test_builds_go_from_table_to_table_as_the_booted_kernel_of_their_source() -> None:
    for name, booted in (
        ("v6.12.117@gcc13-distro.x86_64", "v6.12.117.x86_64"),
        ("v6.8base@gcc14.arm64_nocontpte", "v6.7.arm64_nocontpte"),
    ):
        build = load_program("fork", name)
        assert donor_of(build.name, {}) == booted
        library = load_library("fork", name)
        assert {("set", "alloc"), ("alloc", "read")} <= set(library.choices)
        assert not {("set", "alloc"), ("alloc", "read")} & set(cut_alone(build))


def cut_alone(program: RecordedProgram) -> set[tuple[str, str]]:
    """Return the pairs of events in a program's own windows."""
    found = set()
    for window in program.recordings.values():
        events = [mark.step.event for mark in find(program, window)]
        found |= set(pairwise(events))
    return found


def test_others_need_no_donor() -> None:
    assert "v6.7.x86_64" not in operation_named("zap").recorded().donors
    assert "v6.7.x86_64" not in operation_named("fork").recorded().donors


def test_what_a_pmd_maps_takes_the_allocation_of_its_table_from_a_donor() -> None:
    known = operation_named("fork").recorded()
    assert known.donors["v6.12.117_pmd.x86_64"] == "v6.12.117.x86_64"
    assert known.donated == {"alloc"}
