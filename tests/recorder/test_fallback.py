"""Steps that come from another program."""

from __future__ import annotations

from itertools import pairwise

from costmodel.code.library import load_library
from costmodel.operations.fork.recorded import find
from costmodel.operations.registry import operation_named
from costmodel.recorder import RecordedProgram, load_program
from costmodel.recorder.fallback import fallback_events, fallback_of


def test_kernels_that_were_never_seen_unfolding_can_unfold() -> None:
    for name in ("v6.12.117.arm64_contpte", "no_hint.arm64_contpte"):
        program = load_program("zap", name)
        library = load_library("zap", name)
        events = fallback_events(program, operation_named("zap").recorded().missing)
        theirs = [key for key in library.choices if not events.isdisjoint(key)]

        assert {now for _, now in theirs} >= events
        own = len(program.site)
        for last, now in library.choices:
            rows = library.uop[library.rows(library.choices[last, now].usual)]
            assert ((rows >= own) == ((last, now) in theirs)).all()


def test_builds_go_from_table_to_table_as_the_booted_kernel_of_their_source() -> None:
    for name, booted in (
        ("v6.12.117@gcc13-distro.x86_64", "v6.12.117.x86_64"),
        ("v6.8base@gcc14.arm64_nocontpte", "v6.7.arm64_nocontpte"),
    ):
        build = load_program("fork", name)
        assert fallback_of(build.name, {}) == booted
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


def test_others_need_no_fallback() -> None:
    assert "v6.7.x86_64" not in operation_named("zap").recorded().fallbacks
    assert "v6.7.x86_64" not in operation_named("fork").recorded().fallbacks


def test_what_a_pmd_maps_takes_the_allocation_of_its_table_from_another_program() -> None:
    known = operation_named("fork").recorded()
    assert known.fallbacks["v6.12.117_pmd.x86_64"] == "v6.12.117.x86_64"
    assert known.missing == {"alloc"}
