"""Finds the loads in which two builds differ: of what, where in the loop, and what they cost.

Two builds of one source do the same work. Where their times differ, it is mostly because one of
them keeps a value on the stack that the other keeps in a register, and loads it again at a bad
moment: behind an atomic, which every load of x86 waits for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from costmodel.code.removal import Orphans, remove
from costmodel.code.trace import NO_PRODUCER, TableRun, Trace, ptes_of
from costmodel.code.uops import Kind, Target
from costmodel.experiment import Cell, exact_ps_of, executed
from costmodel.units import PS_PER_NS

LEAST: Final = 0.05
"""Least difference in loads per PTE at a place for it to count."""
MOST_PLACES: Final = 8
"""How many places are priced: those that differ most."""
_NOTHING: Final = len(Target)
"""Stands for "no pointer" where the loaded value is not used as an address."""


class LoadPlace(NamedTuple):
    """A kind of loads: of one object at one place of the loop.

    ``behind`` is the last event of the loop before them, empty at its beginning. ``target`` is the
    memory that is read. ``points_to`` is the memory that the value read is an address of, if any.
    """

    behind: str
    target: Target
    points_to: Target | None


@dataclass(frozen=True, kw_only=True)
class Effect:
    """How often something is executed on two sides, and its marginal cost there.

    ``base_count`` and ``new_count`` are per PTE, ``base_ns`` and ``new_ns`` nanoseconds per PTE.
    """

    base_count: float
    new_count: float
    base_ns: float
    new_ns: float

    @property
    def change(self) -> float:
        """How much more often per PTE it is executed; negative for less often."""
        return self.new_count - self.base_count

    @property
    def effect_ns(self) -> float:
        """Nanoseconds added per PTE; negative for saved."""
        return self.new_ns - self.base_ns


@dataclass(frozen=True, kw_only=True)
class Reload(Effect):
    """The loads of a place in both builds: their number per PTE, and their marginal cost in ns."""

    place: LoadPlace


def reloads_between(new: Cell, base: Cell) -> tuple[Reload, ...]:
    """Return the loads in which two builds of one source differ, the largest effect first."""
    sides = [(cell, executed(cell)) for cell in (base, new)]
    counts = [_counts(runs) for _, runs in sides]
    places = dict.fromkeys([*counts[0], *counts[1]])
    changes = {place: counts[1].get(place, 0.0) - counts[0].get(place, 0.0) for place in places}
    differing = [place for place in places if abs(changes[place]) >= LEAST]
    differing.sort(key=lambda place: -abs(changes[place]))
    found = [
        Reload(
            place=place,
            base_count=counts[0].get(place, 0.0),
            new_count=counts[1].get(place, 0.0),
            base_ns=_cost_ns(*sides[0], place),
            new_ns=_cost_ns(*sides[1], place),
        )
        for place in differing[:MOST_PLACES]
    ]
    return tuple(sorted(found, key=lambda one: -abs(one.effect_ns)))


def _counts(runs: Sequence[TableRun]) -> dict[LoadPlace, float]:
    """Return the number of loads per PTE by place."""
    ptes = ptes_of(runs)
    found: dict[LoadPlace, float] = {}
    for run in runs:
        for place, rows in _places(run.trace):
            found[place] = found.get(place, 0.0) + run.count * len(rows) / ptes
    return found


def _cost_ns(cell: Cell, runs: Sequence[TableRun], place: LoadPlace) -> float:
    """Return how many ns per PTE a cell would save without the loads of a place."""
    rest = [replace(run, trace=_without(run.trace, place)) for run in runs]
    ptes = ptes_of(runs)
    return (exact_ps_of(runs, cell) - exact_ps_of(rest, cell)) / PS_PER_NS / ptes


def _without(trace: Trace, place: LoadPlace) -> Trace:
    gone = np.zeros(len(trace), np.bool_)
    for found, rows in _places(trace):
        if found == place:
            gone[rows] = True
    return remove(trace, gone, Orphans.INHERIT) if gone.any() else trace


def _places(trace: Trace) -> Iterator[tuple[LoadPlace, NDArray[np.int64]]]:
    """Yield each place at which a trace loads, with the rows of these loads."""
    loads = np.flatnonzero((trace.kind == Kind.LOAD) & (trace.target != Target.NONE))
    step = np.searchsorted(trace.step_start, loads, side="right") - 2
    behind = np.where(step >= 0, trace.step_id[np.maximum(step, 0)], -1)
    points_to = _points_to(trace)[loads]
    keys = np.stack([behind, trace.target[loads], points_to], axis=1)
    for key in np.unique(keys, axis=0):
        event, target, pointee = key.tolist()
        known = 0 <= event < len(trace.step_names)
        place = LoadPlace(
            trace.step_names[event] if known else "",
            Target(target),
            None if pointee == _NOTHING else Target(pointee),
        )
        yield place, loads[(keys == key).all(axis=1)]


def _points_to(trace: Trace) -> NDArray[np.int64]:
    """Return the memory of the first access whose address each row computes, int64[n]."""
    found = np.full(len(trace) + 1, _NOTHING, np.int64)
    memory = np.flatnonzero(trace.target != Target.NONE)[::-1]  # the first access wins
    for column in (1, 0):
        producer = trace.inputs[memory, column]
        found[np.where(producer == NO_PRODUCER, len(trace), producer)] = trace.target[memory]
    return found[:-1]
