"""Leaving micro-ops of some kinds out of a trace."""

from __future__ import annotations

import pytest

from costmodel.code.build import build
from costmodel.code.events import Step
from costmodel.code.library import load_library
from costmodel.code.record import recorder_of
from costmodel.code.trace import Trace
from costmodel.strategies import fork as k

CONVERT = [
    Step(event, 15, 15, 0, 7) for event in ("clear_src", "flush", "restore_src", "wrprotect", "set")
]


def traced(steps: k.Steps) -> Trace:
    name = "v4_before_change.arm64_contpte"
    record = recorder_of("fork", name).record(steps, Step("map", 0, 0, 0, 7))
    return build(record, load_library("fork", name), "fork")


@pytest.mark.parametrize("kinds", [(k.Kind.TLBI,), (k.Kind.TLBI, k.Kind.DSB)])
def test_the_rest_stays_as_it_was(kinds: tuple[k.Kind, ...]) -> None:
    whole, less = traced(iter(CONVERT)), traced(k.without(iter(CONVERT), *kinds))
    kept = [row for row, kind in enumerate(whole.kind) if kind not in kinds]
    assert less.site.tolist() == whole.site[kept].tolist()
    assert less.address.tolist() == whole.address[kept].tolist()
    place = {row: number for number, row in enumerate(kept)} | {-1: -1}
    moved = [[place.get(int(i), -1) for i in row] for row in whole.inputs[kept]]
    assert less.inputs.tolist() == moved
    assert less.segments == (("copy", 0, len(less)),)


def test_steps_with_and_without_have_different_numbers() -> None:
    trace = traced(iter([CONVERT[0], *k.without(iter(CONVERT[1:2]), k.Kind.TLBI), CONVERT[2]]))
    names = [trace.step_names[i] for i in trace.step_id]
    assert names == ["clear_src", "flush", "restore_src"]
    assert trace.step_id[1] >= len(
        load_library("fork", "v4_before_change.arm64_contpte").path_events
    )


def test_hand_written_micro_ops_keep_numbers_behind_all_others() -> None:
    trace = traced(iter([*k.without(iter(CONVERT[:2]), k.Kind.TLBI), k.dsb()]))
    assert trace.step_id[-1] >= len(trace.step_names)
