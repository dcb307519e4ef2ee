"""A timeline in the Kanata 0004 format, which the Konata pipeline viewer opens.

The format is described in docs/kanata-log-format.md of Konata's sources: tab-separated commands.
Between them stands how many whole cycles pass, so the cycle in which an event happens is kept, but
not the moment within the cycle.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from costmodel.timeline.labels import label, waited_for
from costmodel.timeline.times import MicroOpTimes, Timeline
from costmodel.units import TICKS_PER_CYCLE

HEADER = "Kanata\t0004"
LANE = 0
STAGES = {"Ds": "waits for its inputs", "Is": "waits for its turn", "Ex": "executes", "Cm": "done"}
"""Short name of a stage, as Konata shows it, and what it means."""
_RETIRED = 0
_WAKE_UP = 0


class _Event(NamedTuple):
    """A command of the file. Sorted by their fields, commands have the order of the file."""

    cycle: int
    number: int
    turn: int
    command: str


def kanata(timeline: Timeline) -> str:
    """Return the log of ``timeline`` as text."""
    number_of = {op.row: number for number, op in enumerate(timeline.micro_ops)}
    events = sorted(
        _Event(cycle, number, turn, command)
        for number, op in enumerate(timeline.micro_ops)
        for turn, (cycle, command) in enumerate(_commands(number, op, number_of))
    )
    lines = [HEADER, "C=\t0"]
    cycle = 0
    for event in events:
        if event.cycle > cycle:
            lines.append(f"C\t{event.cycle - cycle}")
            cycle = event.cycle
        lines.append(event.command)
    return "\n".join(lines) + "\n"


def _cycle(ticks: int) -> int:
    return -(-ticks // TICKS_PER_CYCLE)


def _commands(
    number: int, op: MicroOpTimes, number_of: dict[int, int]
) -> Iterator[tuple[int, str]]:
    """Yield the commands of one micro-op with their cycles, in their order."""
    born = _cycle(op.dispatch)
    yield born, f"I\t{number}\t{op.row}\t0"
    yield born, f"L\t{number}\t0\t{op.row}: {label(op)}"
    details = _details(op)
    if details:
        yield born, f"L\t{number}\t1\t{details}"
    ends = (_cycle(op.ready), _cycle(op.start), _cycle(op.done), _cycle(op.retire))
    start = born
    for stage, end in zip(STAGES, ends, strict=True):
        # Every micro-op shows at least that it is done.
        if end > start or stage == "Cm":
            yield start, f"S\t{number}\t{LANE}\t{stage}"
            start = max(end, start)
            yield start, f"E\t{number}\t{LANE}\t{stage}"
        if stage == "Ds" and op.producer in number_of:
            yield start, f"W\t{number}\t{number_of[op.producer]}\t{_WAKE_UP}"
    yield start, f"R\t{number}\t{number}\t{_RETIRED}"


def _details(op: MicroOpTimes) -> str:
    parts = [f"kept back by {op.wait_cause.name.lower()}"] if op.wait_cause is not None else []
    parts += [f"charged {waited_for(op)}"] if op.charged else []
    parts += ["mispredicted"] if op.mispredicted else []
    return "; ".join(parts)
