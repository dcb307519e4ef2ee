"""Compares a trace with a recorded window, row by row."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from costmodel.code.events import Mark
from costmodel.code.expand import REGION_SHIFT, SLOT_ORIGIN
from costmodel.code.trace import Trace
from costmodel.code.uops import Kind, Target
from costmodel.mm.pte import TABLE_PTES
from costmodel.recorder import RecordedProgram, Recording

from .layout import BASE_PFN, Place

Ints = NDArray[np.int64]

Event = tuple[str, int, int]
"""An event, its slot in the table, the row it stands at."""


def compare(
    program: RecordedProgram,
    window: Recording,
    marks: list[Mark],
    trace: Trace,
    events: list[Event],
) -> dict[str, list[int]]:
    """Return by column the rows that differ."""
    first = _first_row(window, marks, events)
    length = len(window)
    if first < 0 or first + length > len(trace):
        return {"length": [0]}
    here = slice(first, first + length)
    uop = window.uop
    kinds = np.array([Kind[kind.upper()] for kind in program.kind.tolist()])
    wanted = {
        "site": program.site[uop],
        "kind": kinds[uop],
        "size": program.size_bytes[uop],
        "taken": window.taken,
    }
    found = {
        "site": trace.site[here],
        "kind": trace.kind[here],
        "size": trace.size_bytes[here],
        "taken": trace.taken[here],
    }
    different: dict[str, Ints] = {
        name: np.flatnonzero(wanted[name] != found[name]) for name in wanted
    }
    different["address"] = _other_addresses(program, window, trace.address[here])
    rows = np.arange(length)[:, None]
    producers = np.where(window.distance > 0, rows - window.distance, -1)
    inputs = np.maximum(trace.inputs[here].astype(np.int64) - first, -1)
    memory = program.target[uop] != ""
    different["inputs"] = np.flatnonzero(
        (_as_sets(producers, memory) != _as_sets(inputs, memory)).any(axis=1)
    )
    end = marks[-1].row if window.layout == "order9" else length
    inside = {name: rows[rows <= end].tolist() for name, rows in different.items()}
    return {name: rows for name, rows in inside.items() if rows}


def _as_sets(producers: Ints, memory: NDArray[np.bool_]) -> Ints:
    """Sort what may stand in any order: addresses, data, registers; one producer counts once."""
    ordered = producers.copy()
    for rows, columns in ((memory, (0, 1)), (memory, (2, 3)), (~memory, (0, 1, 2))):
        part = np.sort(ordered[rows][:, columns], axis=1)
        part[:, 1:][part[:, 1:] == part[:, :-1]] = -1
        ordered[np.ix_(np.flatnonzero(rows), np.array(columns))] = np.sort(part, axis=1)
    return ordered


def _other_addresses(program: RecordedProgram, window: Recording, found: Ints) -> Ints:
    """Return the rows whose addresses differ.

    PTEs and struct pages must be the same; other lines have no numbers of their own in a recording:
    what was one line there must be one line here. VMAs and per-CPU counters lie elsewhere in a line
    after each boot.
    """
    names = program.target[window.uop]
    target = np.array([Target[name.upper()] if name else 0 for name in names.tolist()])
    slot = (window.index + Place.of(window).first) % TABLE_PTES
    entry = SLOT_ORIGIN + slot * 8 + window.offset
    page = (window.index + BASE_PFN) * 64 + window.offset
    tables = (target == Target.SRC) | (target == Target.DST)
    boot = (target == Target.VMA) | (program.function[window.uop] == "percpu_counter_add_batch")
    known = tables | (target == Target.PAGE) | (target == 0) | boot
    inside = np.where(tables, entry, page)
    wanted = np.where(target == 0, -1, (target << REGION_SHIFT) + inside)
    other = wanted != found
    other[boot] = (np.where(found < 0, 0, found >> REGION_SHIFT) != target)[boot]
    other[~known] = (window.offset != found % 64)[~known]
    lines = np.stack([target, window.index, found // 64], axis=1)
    pairs = Counter(map(tuple, lines[~known].tolist()))
    best: dict[tuple[int, ...], int] = {}
    for (region, there, here), _ in reversed(pairs.most_common()):
        best[region, there] = here
        best[-region, here] = there
    for row in np.flatnonzero(~known).tolist():
        region, there, here = lines[row].tolist()
        other[row] |= best[region, there] != here or best[-region, here] != there
    return np.flatnonzero(other)


def _first_row(window: Recording, marks: list[Mark], events: list[Event]) -> int:
    """Return the trace's row that stands for the window's first one."""
    start = Place.of(window).first - window.first_slot
    sought = [(mark.step.event, (mark.step.slot + start) % TABLE_PTES) for mark in marks]
    seen = [(event, slot) for event, slot, _ in events]
    starts = [i for i, event in enumerate(seen) if event == sought[0]]
    best = max(
        starts,
        key=lambda i: sum(a == b for a, b in zip(seen[i : i + 200], sought, strict=False)),
        default=None,
    )
    if best is None:
        return -1
    return events[best][2] - marks[0].row
