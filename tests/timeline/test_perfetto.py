"""The Chrome trace obeys the rules of the Trace Event Format."""

from __future__ import annotations

import json
from typing import Any

from costmodel.timeline.perfetto import lanes, perfetto
from costmodel.timeline.times import Timeline
from costmodel.units import TICKS_PER_CYCLE


def events_of(timeline: Timeline) -> list[dict[str, Any]]:
    document = json.loads(perfetto(timeline, name="a test"))
    assert document["displayTimeUnit"] == "ns"
    events: list[dict[str, Any]] = document["traceEvents"]
    return events


def test_every_event_has_what_its_phase_needs(shown: Timeline) -> None:
    for event in events_of(shown):
        assert event["ph"] in "MXsf"
        assert isinstance(event["pid"], int) and isinstance(event["tid"], int)
        assert event["ts"] >= 0
        if event["ph"] == "X":
            assert event["dur"] >= 0 and event["name"] and event["cat"]
        if event["ph"] in "sf":
            assert {"id", "name", "cat"} <= set(event)
        if event["ph"] == "f":
            assert event["bp"] == "e"


def test_slices_of_a_thread_nest(shown: Timeline) -> None:
    open_until: dict[int, list[float]] = {}
    slices = [event for event in events_of(shown) if event["ph"] == "X"]
    for event in sorted(slices, key=lambda e: (e["tid"], e["ts"], -e["dur"])):
        stack = open_until.setdefault(event["tid"], [])
        while stack and stack[-1] <= event["ts"]:
            stack.pop()
        end = event["ts"] + event["dur"]
        assert not stack or end <= stack[-1]
        stack.append(end)


def test_every_micro_op_is_a_slice_from_dispatch_to_retirement(shown: Timeline) -> None:
    slices = {
        event["args"]["row"]: event
        for event in events_of(shown)
        if event["ph"] == "X" and "row" in event["args"]
    }
    assert len(slices) == len(shown.micro_ops)
    for op in shown.micro_ops:
        assert slices[op.row]["ts"] == op.dispatch / TICKS_PER_CYCLE
        assert slices[op.row]["ts"] + slices[op.row]["dur"] == op.retire / TICKS_PER_CYCLE


def test_flows_have_two_ends_inside_of_slices(shown: Timeline) -> None:
    events = events_of(shown)
    starts = {event["id"]: event for event in events if event["ph"] == "s"}
    ends = {event["id"]: event for event in events if event["ph"] == "f"}
    assert starts and set(starts) == set(ends)
    for number, start in starts.items():
        assert start["ts"] <= ends[number]["ts"]
    inside: dict[int, list[tuple[float, float]]] = {}
    for e in events:
        if e["ph"] == "X":
            inside.setdefault(e["tid"], []).append((e["ts"], e["ts"] + e["dur"]))
    for event in (*starts.values(), *ends.values()):
        assert any(low <= event["ts"] <= high for low, high in inside[event["tid"]])


def test_lanes_hold_one_micro_op_at_a_time(shown: Timeline) -> None:
    last: dict[int, int] = {}
    for lane, op in zip(lanes(shown), shown.micro_ops, strict=True):
        assert last.get(lane, 0) <= op.dispatch
        last[lane] = op.retire
    assert sorted(last) == list(range(len(last)))  # no lane is left out


def test_threads_have_names(shown: Timeline) -> None:
    events = events_of(shown)
    named = {event["tid"] for event in events if event["name"] == "thread_name"}
    assert named == {event["tid"] for event in events if event["ph"] == "X"}
