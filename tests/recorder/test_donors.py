"""Steps that come from another program."""

from __future__ import annotations

from costmodel.code.library import load_library
from costmodel.operations.registry import operation_named
from costmodel.recorder import load_program
from costmodel.recorder.donors import DONATED_EVENTS


def test_kernels_that_were_never_seen_unfolding_can_unfold() -> None:
    for name in ("v6.12.117.arm64_contpte", "no_hint.arm64_contpte"):
        program = load_program("zap", name)
        library = load_library("zap", name)
        donated = [key for key in library.choices if not DONATED_EVENTS.isdisjoint(key)]

        assert {now for _, now in donated} >= DONATED_EVENTS
        own = len(program.site)
        for last, now in library.choices:
            path = library.choices[last, now].usual
            start = library.path_start[path]
            rows = library.uop[start : start + library.path_length[path]]
            assert ((rows >= own) == ((last, now) in donated)).all()


def test_others_need_no_donor() -> None:
    assert "v6.7.x86_64" not in operation_named("zap").recorded().donors
    assert not operation_named("fork").recorded().donors
