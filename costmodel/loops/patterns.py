"""Memory patterns: one access after the other over a region, with locked operations in between."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
import yaml

from costmodel import cpu
from costmodel.code.expand import memory_producers
from costmodel.code.trace import NO_ADDRESS, NO_PRODUCER, TableRun, Trace
from costmodel.code.uops import Flavour, Kind, Target
from costmodel.config.machine import Machine
from costmodel.config.sizes import size_in_bytes
from costmodel.cpu.parameters import TICKS_PER_CYCLE
from costmodel.units import LINE_BYTES

LINES = 2048
"""Lines that a trace of a pattern touches, each once."""
_APART = 5
"""Lines from one to the next in memory: nothing that a prefetcher could take for a stream."""
_OVERHEAD = {"chase": 3, "rnd": 10, "seq": 8}
"""Additions that stand for the loop's own work, by order: as many as make the time of loads from
the L1 what was measured."""
_HOT = 1 << 40
_SEED = 7
_LOAD, _STORE = (Kind.LOAD, Flavour.PLAIN), (Kind.STORE, Flavour.PLAIN)
_LOCK, _ALU = (Kind.RMW, Flavour.RMW_LOCKED), (Kind.ALU, Flavour.PLAIN)


class PatternTime(NamedTuple):
    """What one pattern took per line on hardware."""

    pattern: str
    """``ORDER WHAT``, such as ``rnd load +1``: see :func:`pattern_ns`."""
    region_bytes: int
    p10_ns: float
    median_ns: float


def measured(name: str) -> tuple[PatternTime, ...]:
    """Return the patterns measured on a machine, by the name of their file."""
    text = files("costmodel.loops").joinpath("memory", f"{name}.yaml").read_text()
    table: dict[str, Any] = yaml.safe_load(text)
    sizes = [size_in_bytes(column) for column in table["columns"]]
    return tuple(
        PatternTime(pattern, size, *times)
        for pattern, row in table["rows"].items()
        for size, times in zip(sizes, row, strict=True)
    )


def pattern_ns(pattern: str, region_bytes: int, machine: Machine) -> float:
    """Return the time per line of a pattern over a region that was touched all before.

    ``chase``: each load's address comes from the load before; ``rnd`` random order, ``seq``
    ascending. ``load``, ``store``, ``plainrmw`` (load, add, store) and ``lockline`` (locked add)
    access each line once, ``pte`` loads it, adds twice to it and once to a hot line, all locked.
    ``+n``: n locked adds to a hot line after each.
    """
    warm, all_ = (
        cpu.run(
            [TableRun(_trace(pattern, lines), 1, ptes=lines, reuse_bytes=region_bytes)], machine
        ).ticks
        for lines in (LINES // 2, LINES)
    )
    return (all_ - warm) / (LINES // 2) / TICKS_PER_CYCLE / machine.core.clock_ghz.value


def _trace(pattern: str, lines: int) -> Trace:
    order, *words = pattern.split()
    what = words[0] if words and not words[0].startswith("+") else "load"
    hot = int(words[-1][1:]) if words and words[-1].startswith("+") else 0
    numbers = np.random.default_rng(_SEED).permutation(LINES)[:lines] * _APART
    places = np.arange(lines) if order == "seq" else numbers
    rows: list[tuple[tuple[Kind, Flavour], int, int]] = []  # what, address, rows back to its input
    starts = []
    for number, line in enumerate(places.tolist()):
        starts.append(len(rows))
        at = line * LINE_BYTES
        body = _body(what, at)
        if order == "chase":
            back = len(rows) - starts[-2] if number else 0
            body[0] = (_LOAD, at, back)
        rows += body + [(_LOCK, _HOT, 0)] * hot
        rows += [(_ALU, NO_ADDRESS, 0)] * _OVERHEAD[order]
        rows.append(((Kind.BRANCH, Flavour.PLAIN), NO_ADDRESS, 1))
    return _as_trace(rows, starts)


def _body(what: str, at: int) -> list[tuple[tuple[Kind, Flavour], int, int]]:
    return {
        "load": [(_LOAD, at, 0)],
        "store": [(_STORE, at, 0)],
        "lockline": [(_LOCK, at, 0)],
        "plainrmw": [(_LOAD, at, 0), (_ALU, NO_ADDRESS, 1), (_STORE, at, 1)],
        "pte": [(_LOAD, at, 0), (_LOCK, at + 8, 0), (_LOCK, at + 16, 0), (_LOCK, _HOT, 0)],
    }[what]


def _as_trace(rows: list[tuple[tuple[Kind, Flavour], int, int]], starts: list[int]) -> Trace:
    count = len(rows)
    kind = np.array([what[0] for what, _, _ in rows], np.uint8)
    address = np.array([at for _, at, _ in rows], np.int64)
    back = np.array([back for _, _, back in rows])
    inputs = np.full((count, 5), NO_PRODUCER, np.int32)
    column = np.where(kind == Kind.STORE, 2, np.where(kind == Kind.BRANCH, 3, 0))
    given = np.flatnonzero(back)
    inputs[given, column[given]] = given - back[given]
    size = np.where(address >= 0, 8, 0).astype(np.int16)
    memory_producers(kind, address, size, inputs)
    target = np.where(address >= _HOT, int(Target.GLOBAL), int(Target.PAGE))
    return Trace(
        kind=kind,
        flavour=np.array([what[1] for what, _, _ in rows], np.uint8),
        inputs=inputs,
        address=address,
        size_bytes=size,
        target=np.where(address < 0, int(Target.NONE), target).astype(np.uint8),
        taken=np.where(kind == Kind.BRANCH, 1, -1).astype(np.int8),
        site=(np.arange(count) % (count // len(starts))).astype(np.int32),
        step_start=np.array(starts, np.int32),
        step_id=np.zeros(len(starts), np.int32),
        step_names=("line",),
        segments=(("pattern", 0, count),),
    )
