"""Cuts an operation into segments: the own work of a CPU, and the shared things that it visits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from costmodel.simulation.schedule import Schedule, Stage

if TYPE_CHECKING:
    from costmodel.operations.protocol import FlushRequest

SEGMENTS = 16
"""About how many segments an operation has. Waiting hardly depends on it: if the service and the
time between two visits grow together, a closed queue stays as busy."""
FEWEST_SEGMENTS = 4
_EVENTS = 1024
"""The most segments of all CPUs together; with many CPUs, each has fewer."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A use of a shared thing: ``held_ps`` of the CPU's own time, in ``visits`` visits."""

    name: str
    held_ps: int
    visits: float


@dataclass(frozen=True, slots=True)
class Flushes:
    """``count`` flushes in a row of an address space that other CPUs may run."""

    request: FlushRequest
    count: int


@dataclass(frozen=True, slots=True)
class Segment:
    """Work, then visits, then broadcasts, then flushes; times are picoseconds.

    ``work_ps`` is the priced time of the segment without everything else in it. ``tlbis`` and
    ``syncs`` are how many TLBIs are broadcast and how many barriers wait for them.
    """

    work_ps: int
    visits: tuple[Visit, ...] = ()
    broadcast_ps: int = 0
    tlbis: float = 0.0
    syncs: float = 0.0
    flushes: Flushes | None = None


def segments_for(cpus: int) -> int:
    """Return how many segments the operation of each of ``cpus`` CPUs has."""
    return max(FEWEST_SEGMENTS, min(SEGMENTS, _EVENTS // cpus))


def segments_of(
    schedule: Schedule,
    shared: Mapping[str, Visit],
    *,
    segments: int = SEGMENTS,
    pieces: Mapping[str, int] | None = None,
    syncs_per_tlbi: float = 1.0,
) -> tuple[Segment, ...]:
    """Return an operation as about ``segments`` segments, whose times sum to that of a lone CPU.

    ``shared`` holds the visits of the whole operation, by name; they are spread over the segments
    in proportion to the work, those in ``pieces`` over at most so many of them. Broadcasts and
    flushes stay in their places, some of them merged.
    """
    meetings = sum(stage.count for stage in schedule.stages if _meets_others(stage))
    group = max(1, -(-meetings // segments))
    longest_ps = max(1, -(-schedule.layout_ps // segments))
    bare = list(_bare(schedule.stages, group, longest_ps, syncs_per_tlbi))
    return tuple(_spread(bare, shared, pieces or {})) if shared else tuple(bare)


def pieces_of(
    visits: Mapping[str, Visit], other: Mapping[str, Visit], segments: int
) -> dict[str, int]:
    """Return into how many pieces each visit is cut, so that those of ``other`` are as long.

    The longer one has ``segments`` pieces. Where short visits met long ones of the same CPUs'
    other work, they would wait the longer the more of them there are.

    >>> pieces_of({"memory": Visit("memory", 10, 1)}, {"memory": Visit("memory", 40, 1)}, 16)
    {'memory': 4}
    """
    found = {}
    for name, visit in visits.items():
        longest_ps = max(visit.held_ps, other[name].held_ps if name in other else 0)
        if longest_ps:
            found[name] = max(1, round(segments * visit.held_ps / longest_ps))
    return found


def _meets_others(stage: Stage) -> bool:
    return bool(stage.broadcast_ps) or stage.flush is not None


def _bare(
    stages: Sequence[Stage], group: int, longest_ps: int, syncs_per_tlbi: float
) -> Iterator[Segment]:
    """Yield segments without visits: stages of plain work are merged, long ones are split."""
    silent_ps = 0
    for stage in stages:
        if not _meets_others(stage):
            silent_ps += stage.layout_ps * stage.count
            continue
        syncs = stage.tlbis * syncs_per_tlbi if stage.flush is None else float(stage.tlbis)
        for size in _groups(stage.count, group):
            yield from _split(silent_ps, longest_ps)
            silent_ps = 0
            yield Segment(
                work_ps=stage.layout_ps * size,
                broadcast_ps=stage.broadcast_ps * size,
                tlbis=float(stage.tlbis * size),
                syncs=syncs * size,
                flushes=None if stage.flush is None else Flushes(stage.flush, size),
            )
    yield from _split(silent_ps, longest_ps)


def _groups(count: int, size: int) -> Iterator[int]:
    for start in range(0, count, size):
        yield min(size, count - start)


def _split(time_ps: int, longest_ps: int) -> Iterator[Segment]:
    if not time_ps:
        return
    parts = -(-time_ps // longest_ps)
    for number in range(parts):
        yield Segment(time_ps * (number + 1) // parts - time_ps * number // parts)


def _spread(
    bare: Sequence[Segment], shared: Mapping[str, Visit], pieces: Mapping[str, int]
) -> Iterator[Segment]:
    """Yield the segments with every visit, whose time is taken out of the work of all segments.

    A visit in ``pieces`` is made behind the segments in which another piece of it is complete.
    """
    total_ps = sum(segment.work_ps for segment in bare)
    held_ps = sum(visit.held_ps for visit in shared.values())
    # More under locks than the whole loop takes cannot be: the price of the loop is the measure.
    scale = min(1.0, 0.9 * total_ps / held_ps) if held_ps else 1.0
    if not total_ps:
        yield from bare
        return
    passed_ps, before, done = 0, 0.0, dict.fromkeys(shared, 0.0)
    for segment in bare:
        passed_ps += segment.work_ps
        passed = passed_ps / total_ps
        visits, work_ps = [], segment.work_ps
        for name, visit in shared.items():
            inside_ps = visit.held_ps * scale
            work_ps -= int(inside_ps * passed) - int(inside_ps * before)
            upto = passed
            if name in pieces and passed_ps < total_ps:
                upto = int(passed * pieces[name]) / pieces[name]
            if upto > done[name]:
                service_ps = int(inside_ps * upto) - int(inside_ps * done[name])
                visits.append(Visit(name, service_ps, visit.visits * (upto - done[name])))
                done[name] = upto
        before = passed
        yield replace(segment, work_ps=work_ps, visits=tuple(visits))
