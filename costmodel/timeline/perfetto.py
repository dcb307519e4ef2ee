"""A timeline as Chrome trace JSON, which ui.perfetto.dev and chrome://tracing open.

The format (Trace Event Format, Google) counts in microseconds and Perfetto keeps whole nanoseconds,
too coarse for a cycle: one microsecond of the file is one core cycle.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from costmodel import __version__
from costmodel.timeline.labels import label, operation, place, waited_for
from costmodel.timeline.times import MicroOpTimes, Timeline
from costmodel.units import TICKS_PER_CYCLE

PROCESS = 1


def perfetto(timeline: Timeline, *, name: str) -> str:
    """Return the trace of ``timeline`` as text; ``name`` is shown as that of the process."""
    events = [*_names(timeline, name), *_events(timeline)]
    other = {
        "version": f"costmodel {__version__}",
        "unit": f"1 us is 1 core cycle, {1 / timeline.clock_ghz:.4f} ns",
    }
    # One event per line: the files are large, and are looked at with grep, too.
    lines = ",\n".join(json.dumps(event, allow_nan=False) for event in events)
    head = f'"displayTimeUnit": "ns",\n"otherData": {json.dumps(other)}'
    return f'{{{head},\n"traceEvents": [\n{lines}\n]}}\n'


def lanes(timeline: Timeline) -> list[int]:
    """Return the number of a lane for every micro-op, so that no two of a lane overlap in time.

    The format asks that slices of one thread nest. Micro-ops in flight overlap without nesting, so
    each lane becomes a thread of its own.
    """
    free: list[int] = []
    result: list[int] = []
    for op in timeline.micro_ops:
        lane = next((i for i, until in enumerate(free) if until <= op.dispatch), len(free))
        if lane == len(free):
            free.append(0)
        free[lane] = max(op.retire, op.dispatch + 1)
        result.append(lane)
    return result


def _names(timeline: Timeline, name: str) -> Iterator[dict[str, Any]]:
    yield _meta("process_name", 0, {"name": f"{name} (1 us = 1 cycle)"})
    for lane in range(max(lanes(timeline), default=-1) + 1):
        yield _meta("thread_name", lane, {"name": f"in flight {lane + 1}"})
        yield _meta("thread_sort_index", lane, {"sort_index": lane})


def _meta(kind: str, lane: int, args: dict[str, Any]) -> dict[str, Any]:
    return {"ph": "M", "name": kind, "pid": PROCESS, "tid": lane + 1, "ts": 0, "args": args}


def _events(timeline: Timeline) -> Iterator[dict[str, Any]]:
    lane_of = dict(zip((op.row for op in timeline.micro_ops), lanes(timeline), strict=True))
    done = {op.row: op for op in timeline.micro_ops}
    for op in timeline.micro_ops:
        lane = lane_of[op.row]
        yield _slice(label(op), operation(op), lane, op.dispatch, op.retire, _args(op))
        for stage, start, end in stages(op):
            yield _slice(stage, "stage", lane, start, end, {})
        if op.producer in done:
            producer = done[op.producer]
            yield _flow("s", op.row, lane_of[producer.row], max(producer.done - 1, producer.start))
            yield _flow("f", op.row, lane, op.ready)


def stages(op: MicroOpTimes) -> Iterator[tuple[str, int, int]]:
    """Yield the stages of a micro-op that take time, in order: name, first tick, last tick."""
    stage_ends = (
        ("waits for inputs", op.ready),
        ("waits for its turn", op.start),
        ("executes", op.done),
        ("done", op.retire),
    )
    start = op.dispatch
    for stage, end in stage_ends:
        if end > start:
            yield stage, start, end
            start = end


def _args(op: MicroOpTimes) -> dict[str, Any]:
    facts: dict[str, Any] = {"row": op.row, "kind": op.kind.name.lower()}
    facts |= {"touches": place(op)} if place(op) else {}
    facts |= {"waits for row": op.producer} if op.producer is not None else {}
    facts |= {"held back by": op.wait_cause.name.lower()} if op.wait_cause is not None else {}
    facts |= {"charged": waited_for(op)} if op.charged else {}
    facts |= {"leaves store queue": op.drain / TICKS_PER_CYCLE} if op.drain is not None else {}
    facts |= {"mispredicted": True} if op.mispredicted else {}
    return facts


def _slice(
    name: str, category: str, lane: int, start: int, end: int, args: dict[str, Any]
) -> dict[str, Any]:
    return {
        "ph": "X",
        "name": name,
        "cat": category,
        "pid": PROCESS,
        "tid": lane + 1,
        "ts": start / TICKS_PER_CYCLE,
        "dur": (end - start) / TICKS_PER_CYCLE,
        "args": args,
    }


def _flow(phase: str, number: int, lane: int, at: int) -> dict[str, Any]:
    event: dict[str, Any] = {"ph": phase, "name": "input", "cat": "input", "id": number}
    event |= {"pid": PROCESS, "tid": lane + 1, "ts": at / TICKS_PER_CYCLE}
    return event | ({"bp": "e"} if phase == "f" else {})
