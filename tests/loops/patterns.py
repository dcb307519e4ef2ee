"""Memory patterns: accesses to one line after the other, with locked operations between them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml

from costmodel import cpu
from costmodel.code.trace import TableRun, Trace
from costmodel.code.uops import Kind, Subkind, Target
from costmodel.config.machine import Machine
from costmodel.config.sizes import size_in_bytes
from costmodel.loops.rows import LoopRow, trace_of_rows
from costmodel.units import LINE_BYTES, TICKS_PER_CYCLE

LINES = 2048
"""The number of lines that a trace of a pattern touches, each once."""
_APART = 5
"""Distance of lines in memory, in lines, so that no prefetcher takes them for a stream."""
_OVERHEAD = {"chase": 3, "rnd": 10, "seq": 8, "unrolled": 0}
"""Additions that stand for the loop's own work, by order of the accesses: as many as give the
measured time of loads from the L1."""
_HOT = 1 << 40
_SEED = 7
_LOCK = (Kind.RMW, Subkind.RMW_LOCKED)


class PatternTime(NamedTuple):
    """The measured time per line of a pattern on hardware: 10th percentile and median, in ns."""

    pattern: str
    """``ORDER WHAT``, such as ``rnd load +1``: see :func:`pattern_ns`."""
    region_bytes: int
    p10_ns: float
    median_ns: float


def measured(name: str) -> tuple[PatternTime, ...]:
    """Return the patterns that were measured on a machine; ``name`` is that of their file."""
    table = yaml.safe_load(Path(__file__).with_name(f"memory_{name}.yaml").read_text())
    sizes = [size_in_bytes(column) for column in table["columns"]]
    return tuple(
        PatternTime(pattern, size, *times)
        for pattern, row in table["rows"].items()
        for size, times in zip(sizes, row, strict=True)
    )


def pattern_ns(pattern: str, region_bytes: int, machine: Machine) -> float:
    """Return the time per line, in ns, of a pattern over a region that was touched before.

    A pattern is ``ORDER WHAT +N``. The order is ``chase`` (each address comes from the load
    before), ``rnd`` (random), ``seq`` (ascending) or ``unrolled`` (ascending, with nothing else in
    the loop but a branch). ``load``, ``store``, ``plainrmw`` (load, add, store) and ``lockline`` (a
    locked add) access each line once; ``write/K`` loads each line, and stores to every K-th of
    them, to a hot line for the others; ``pte`` loads it, and then has two locked adds to it and one
    to a hot line. ``+N`` adds N locked adds to a hot line after each.
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
    places = np.arange(lines) if order in ("seq", "unrolled") else numbers
    rows: list[LoopRow] = []
    starts: list[int] = []
    for number, line in enumerate(places.tolist()):
        here = len(rows)
        body = _body(what, line * LINE_BYTES, here)
        if order == "chase" and number:
            body[0] = body[0]._replace(inputs={0: starts[-1]})
        starts.append(here)
        rows += body + [LoopRow(*_LOCK, address=_HOT)] * hot
        rows += [LoopRow(Kind.ALU)] * _OVERHEAD[order]
        last = {3: len(rows) - 1} if _OVERHEAD[order] else {}
        rows.append(LoopRow(Kind.BRANCH, inputs=last, taken=1))
    return trace_of_rows(rows, starts, step="line", target=_target)


def _target(address: int) -> Target:
    return Target.GLOBAL if address >= _HOT else Target.PAGE


def _body(what: str, at: int, here: int) -> list[LoopRow]:
    """Return the accesses to the line at address ``at``; the first one becomes row ``here``."""
    load, lock = LoopRow(Kind.LOAD, address=at), LoopRow(*_LOCK, address=at)
    if what.startswith("write/"):
        chosen = at // LINE_BYTES % int(what.removeprefix("write/")) == 0
        return [load, LoopRow(Kind.STORE, address=at if chosen else _HOT)]
    return {
        "load": [load],
        "store": [LoopRow(Kind.STORE, address=at)],
        "lockline": [lock],
        "plainrmw": [
            load,
            LoopRow(Kind.ALU, inputs={0: here}),
            LoopRow(Kind.STORE, inputs={2: here + 1}, address=at),
        ],
        "pte": [
            load,
            lock._replace(address=at + 8),
            lock._replace(address=at + 16),
            lock._replace(address=_HOT),
        ],
    }[what]
