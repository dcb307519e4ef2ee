"""Decides which level of the memory hierarchy serves each access: reuse distance against capacity.

Reuse distances belong to the trace and the workload, capacities to the machine. Accesses of equal
distance form a *class*, and a machine gives each class a latency. A class that hits a level in part
(a stream larger than a cache that does not thrash) has the mean latency of the levels that serve
it. So costs change smoothly with capacities, and every execution of a loop costs the same.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from costmodel.arrays import Ints
from costmodel.code.regions import LAST_MET, LastMet
from costmodel.code.sequences import numbered
from costmodel.code.trace import TableRun, Trace
from costmodel.code.uops import Kind, Subkind
from costmodel.config.machine import Machine
from costmodel.cpu.columns import flags_of
from costmodel.cpu.parameters import Parameters
from costmodel.cpu.reuse import FIRST, Touches, touches
from costmodel.cpu.stack import Cause
from costmodel.disk_cache import kept, kept_on_disk
from costmodel.jit import compiled
from costmodel.units import LINE_BYTES

NEAR = 0
"""Class of an access that hits any L1: fewer than 8 KiB of other lines since the last touch."""
CYCLIC = -1.0
"""Stands for the distance of one round through everything that the workload touches, unless the run
has a distance of its own."""
ROUND = -2.0
"""Stands for the distance of one such round, whatever the run has."""
LOADED, WRITTEN = 1, 2
_NEAR_BYTES = 8192
_SMALLEST_L1 = 32 << 10
"""That of today's server cores. A larger L1 keeps a line longer, so that what is written between
goes back with the stay before; a trace is analysed once for all machines."""
_WAYS = 16
_WEIGHT = 1 << 16


_MEMORY_KINDS = flags_of((Kind.LOAD, Kind.STORE, Kind.RMW, Kind.ZERO), Kind)
_STORING = flags_of((Kind.STORE, Kind.ZERO), Kind)
_WRITING = flags_of((Kind.STORE, Kind.RMW, Kind.ZERO), Kind)
_OWNING = flags_of(
    (Subkind.RMW_VALUE, Subkind.RMW_CAS, Subkind.RMW_ACQUIRE, Subkind.RMW_LOCKED), Subkind
)
_HARD, _SOFT = False, True
_ZERO, _LOAD, _CLEARED = int(Kind.ZERO), int(Kind.LOAD), int(LastMet.CLEARED)


class Distance(NamedTuple):
    """What decides where the accesses of a class find their line, and what it takes to bring it."""

    near: float
    """Bytes touched since the last touch of the 64-byte line."""
    beyond: float
    """The same for the line of the caches beyond the L1, which may be longer."""
    written: bool = False
    """Whether the line is written before it leaves the L1, so that it goes back."""


@dataclass(frozen=True)
class Accesses:
    """The reuse of memory by the micro-ops of a trace; arrays have one entry per micro-op."""

    kind: NDArray[np.int32]
    """Class of the access; ``NEAR`` for micro-ops without memory."""
    distances: tuple[Distance, ...]
    touch: NDArray[np.int32]
    """The micro-op that last touched the same long line; -1 for none."""
    first: NDArray[np.bool_]
    """Whether it is the first touch of a long line that is used once per round."""
    owned: NDArray[np.uint8]
    """``WRITTEN`` where an older micro-op of the trace wrote the line, so that this core owns it;
    ``LOADED`` where an older one loaded it; else 0."""
    streaming_bytes: int
    """Bytes of the lines that every execution of the trace touches anew."""


def accesses(trace: Trace, line_bytes: int) -> Accesses:
    """Return the reuse of a trace for machines with lines of ``line_bytes`` beyond the L1."""
    line_bytes = max(line_bytes, LINE_BYTES)
    key = trace.token, "accesses", line_bytes
    return kept(key, lambda: _accesses(trace, line_bytes))


class Reuse(NamedTuple):
    """The parts of :class:`Accesses` that every evaluation needs."""

    distances: tuple[Distance, ...]
    streaming_bytes: int


def reuse_of(trace: Trace, line_bytes: int) -> Reuse:
    """Return the distances of a trace's classes, and how many bytes each execution touches anew."""
    line_bytes = max(line_bytes, LINE_BYTES)

    def find() -> Reuse:
        found = accesses(trace, line_bytes)
        return Reuse(found.distances, found.streaming_bytes)

    return kept_on_disk((trace.token, "reuse", line_bytes), find)


def alike(costs: Iterable[Hashable]) -> tuple[int, ...]:
    """Return a number for each class, equal for classes of equal cost, in order of occurrence."""
    known: dict[Hashable, int] = {}
    return tuple(known.setdefault(cost, len(known)) for cost in costs)


def _accesses(trace: Trace, line_bytes: int) -> Accesses:
    row, line = _line_touches(trace.kind, trace.address, trace.size_bytes)
    short = touches(row, line, _NEAR_BYTES // LINE_BYTES)
    long = short
    if line_bytes != LINE_BYTES:
        long = touches(row, line // (line_bytes // LINE_BYTES), _NEAR_BYTES // line_bytes)
    met = LAST_MET[trace.target[row]]
    fresh = long.previous == FIRST
    per_table = met != LastMet.TABLE_BEFORE
    table_bytes = float(np.count_nonzero(short.previous == FIRST) * LINE_BYTES)
    # What was cleared a moment ago is there, and clearing fetches nothing.
    once = fresh & per_table & (met != LastMet.CLEARED) & (trace.kind[row] != Kind.ZERO)
    near = _bytes(short, LINE_BYTES, met, table_bytes)
    beyond = near if long is short else _bytes(long, line_bytes, met, table_bytes)
    kind, distances = _classes(near, beyond, _goes_back(row, short.previous, near, trace.kind))
    before = np.where(fresh, FIRST, row[long.previous])
    by_row = _spread(len(trace), row, kind, before, once, _owned(trace, short, met))
    return Accesses(
        kind=by_row[0],
        distances=distances,
        touch=by_row[1],
        first=by_row[2],
        owned=by_row[3],
        streaming_bytes=int(np.count_nonzero(fresh & per_table)) * line_bytes,
    )


@compiled
def _line_touches(
    kind: NDArray[np.uint8], address: Ints, size_bytes: NDArray[np.int16]
) -> tuple[Ints, Ints]:
    """Return the micro-op and the 64-byte line of every line touched, in program order."""
    count = 0
    for i in range(len(kind)):
        count += _lines(kind[i], address[i], size_bytes[i])
    row = np.empty(count, np.int64)
    line = np.empty(count, np.int64)
    at = 0
    for i in range(len(kind)):
        for number in range(_lines(kind[i], address[i], size_bytes[i])):
            row[at] = i
            line[at] = address[i] // LINE_BYTES + number
            at += 1
    return row, line


@compiled
def _lines(kind: int, address: int, size_bytes: int) -> int:
    """Return how many lines a micro-op touches: one, but clearing touches all that it clears."""
    if address < 0 or not _MEMORY_KINDS[kind]:
        return 0
    return max(size_bytes // LINE_BYTES, 1) if kind == _ZERO else 1


def _bytes(
    touch: Touches, line_bytes: int, met: NDArray[np.uint8], table_bytes: float
) -> NDArray[np.float64]:
    """Return reuse distances in bytes; CYCLIC for lines that are used once per round."""
    distance = _rounded(touch.distance.astype(np.float64) * line_bytes)
    fresh = touch.previous == FIRST
    distance[fresh] = table_bytes if table_bytes >= _NEAR_BYTES else 0.0
    distance[fresh & (met == LastMet.CLEARED)] = 0.0
    distance[fresh & (met == LastMet.ROUND)] = CYCLIC
    distance[fresh & (met == LastMet.WHOLE_ROUND)] = ROUND
    return distance


def _rounded(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round reuse distances up to a quarter of a power of two, and near ones to 0."""
    distance[distance < _NEAR_BYTES] = 0.0
    far = np.nonzero(distance)
    distance[far] = 2.0 ** (np.ceil(4 * np.log2(distance[far])) / 4)
    return distance


@compiled
def _goes_back(
    row: Ints, previous: Ints, near: NDArray[np.float64], kind: NDArray[np.uint8]
) -> NDArray[np.bool_]:
    """Tell for each touch of a line whether this or a later one writes it before it leaves the L1.

    It stays until a touch that the smallest L1 does not hold.
    """
    written = np.zeros(len(row), np.bool_)
    for i in range(len(row) - 1, -1, -1):
        written[i] |= _WRITING[kind[row[i]]]
        if written[i] and previous[i] >= 0 and near[i] <= _SMALLEST_L1:
            written[previous[i]] = True
    return written


def _classes(
    near: NDArray[np.float64], beyond: NDArray[np.float64], written: NDArray[np.bool_]
) -> tuple[Ints, tuple[Distance, ...]]:
    """Number the distinct pairs of distances, of lines that are written or not, ``NEAR`` first."""
    kind = np.full(len(near), NEAR, np.int64)
    far = np.flatnonzero(near)  # few are
    one, other = (numbered(distances[far].view(np.int64))[0] for distances in (near, beyond))
    numbers, first = numbered((one * len(far) + other) * 2 + written[far])
    kind[far] = 1 + numbers
    places = far[first].tolist()
    return kind, (
        Distance(0.0, 0.0),
        *(Distance(float(near[i]), float(beyond[i]), bool(written[i])) for i in places),
    )


def _owned(trace: Trace, touch: Touches, met: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return ``WRITTEN``, ``LOADED`` or 0 for each micro-op, see :class:`Accesses`."""
    return _written_before(touch.row, touch.previous, trace.kind, trace.subkind, met)


@compiled
def _written_before(
    row: Ints,
    previous: Ints,
    kind: NDArray[np.uint8],
    subkind: NDArray[np.uint8],
    met: NDArray[np.uint8],
) -> NDArray[np.uint8]:
    """Return the same for each touch of a line; a line cleared a moment ago counts as written."""
    owned = np.zeros(len(previous), np.uint8)
    for i in range(len(previous)):
        before = previous[i]
        if before < 0:
            owned[i] = WRITTEN if met[i] == _CLEARED else 0
            continue
        older = row[before]
        owned[i] = owned[before]
        if _STORING[kind[older]] or _OWNING[subkind[older]]:
            owned[i] = WRITTEN
        elif kind[older] == _LOAD:
            owned[i] = max(owned[i], LOADED)
    return owned


@compiled
def _spread(
    count: int,
    row: Ints,
    kind: Ints,
    touch: Ints,
    first: NDArray[np.bool_],
    owned: NDArray[np.uint8],
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.bool_], NDArray[np.uint8]]:
    """Return one value per micro-op; for one with many lines that of its first line."""
    kinds = np.full(count, NEAR, np.int32)
    touched = np.full(count, FIRST, np.int32)
    firsts = np.zeros(count, np.bool_)
    owns = np.zeros(count, np.uint8)
    for i in range(len(row) - 1, -1, -1):
        at = row[i]
        kinds[at], touched[at], firsts[at], owns[at] = kind[i], touch[i], first[i], owned[i]
    return kinds, touched, firsts, owns


class Level(NamedTuple):
    """A cache: its size, and how it replaces lines."""

    size_bytes: float
    replacement: str


class ClassCosts(NamedTuple):
    """The costs of a trace's classes on a machine; each field has one entry per class."""

    ticks: Ints
    """Load-to-use latency in ticks."""
    misses: NDArray[np.uint8]
    """1 where the access goes beyond the L1."""
    holds: Ints
    """Least time in ticks for which an access that was not prefetched keeps its miss register,
    which limits the rate of lines however many overlap."""
    gaps: Ints
    """Ticks between two lines of a prefetched stream."""
    weights: tuple[dict[Cause, int], ...]
    """The levels that a late access of the class is charged to, with their weights."""


def footprint_bytes(runs: Sequence[TableRun], line_bytes: int) -> float:
    """Return how many bytes one round through the workload touches, the cyclic reuse distance."""
    fresh = (run for run in runs if run.reuse_bytes is None)
    return float(sum(run.count * reuse_of(run.trace, line_bytes).streaming_bytes for run in fresh))


def class_costs(
    distances: tuple[Distance, ...],
    footprint: float,
    machine: Machine,
    parameters: Parameters,
    *,
    round_bytes: float = 0.0,
) -> ClassCosts:
    """Return the costs of every class on a machine.

    ``distances`` are those of :class:`Accesses`. ``footprint`` is the number of bytes that CYCLIC
    stands for, ``round_bytes`` that of ROUND.
    """
    caches = machine.caches
    l1, l2 = (
        Level(cache.size_bytes.value, cache.replacement.value) for cache in (caches.l1, caches.l2)
    )
    llc = Level(caches.llc.size_bytes.value * caches.llc.share.value, caches.llc.replacement.value)
    latency = (parameters.l1, parameters.l2, parameters.llc, parameters.dram)
    stream = (0, 0, parameters.llc_stream_gap, parameters.stream_gap)
    ticks, holds, gaps, weights = [], [], [], []
    meaning = {CYCLIC: footprint, ROUND: round_bytes}
    for near, beyond, written in distances:
        # Whatever comes into the L1 takes the way from the L2, and what goes back takes it again.
        way = parameters.l2_gap + (parameters.write_back if written else 0)
        gap = (0, way, max(way, parameters.llc_gap), max(way, parameters.dram_gap))
        near_bytes, bytes_ = meaning.get(near, near), meaning.get(beyond, beyond)
        in_l1 = _hit(near_bytes, l1, _HARD)
        in_l2 = max(in_l1, _hit(bytes_, l2, _SOFT))
        in_llc = max(in_l2, _hit(bytes_, llc, _SOFT))
        shares = [round(_WEIGHT * p) for p in (in_l1, in_l2 - in_l1, in_llc - in_l2)]
        shares.append(_WEIGHT - sum(shares))
        ticks.append(sum(s * t for s, t in zip(shares, latency, strict=True)) // _WEIGHT)
        rate = sum(s * t for s, t in zip(shares, gap, strict=True)) // _WEIGHT
        holds.append(parameters.miss_registers * rate)
        far = max(_WEIGHT - shares[0] - shares[1], 1)
        gaps.append(sum(s * t for s, t in zip(shares, stream, strict=True)) // far)
        causes = (Cause.L1, Cause.L2, Cause.LLC, Cause.DRAM)
        weights.append({c: s for c, s in zip(causes, shares, strict=True) if s > 0})
    array = np.array(ticks, np.int64)
    misses = (array > parameters.l1).astype(np.uint8)
    return ClassCosts(
        array, misses, np.array(holds, np.int64), np.array(gaps, np.int64), tuple(weights)
    )


def _hit(distance: float, level: Level, soft: bool) -> float:
    """Return the probability that a line survives ``distance`` bytes of other lines."""
    ratio = distance / level.size_bytes
    if level.replacement == "adaptive":
        return 1.0 if ratio <= 1 else 1 / ratio
    if level.replacement == "random":
        return _random_hit(ratio)
    if soft:
        return _lru_hit(ratio)
    return 1.0 if ratio <= 1 else 0.0


def _random_hit(ratio: float) -> float:
    """Return the hit rate of random replacement: the smallest solution of h = exp(-ratio (1 - h)).

    ``ratio`` is the reuse distance over the size; each miss evicts a random line.
    """
    if ratio <= 1:
        return 1.0
    hit = 0.0
    for _ in range(200):
        hit = math.exp(-ratio * (1 - hit))
    return hit


def _lru_hit(ratio: float) -> float:
    """Return the hit rate of LRU replacement where frames fall on sets at random.

    A line survives if fewer other lines than there are ways fall on its set. Their number is
    Poisson distributed, which softens the edge at ratio 1.
    """
    mean = _WAYS * ratio
    term = total = math.exp(-mean)
    for k in range(1, _WAYS):
        term *= mean / k
        total += term
    return min(total, 1.0)
