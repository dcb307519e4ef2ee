"""The fast engine: prices page tables on machines, and remembers what was asked before."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from costmodel.code.trace import TableRun, Trace
from costmodel.config.machine import Machine
from costmodel.cpu.batch import Lane, Tables, computed
from costmodel.cpu.caches import alike, class_costs, footprint_bytes, reuse_of
from costmodel.cpu.parameters import Parameters, parameters_of, relevant
from costmodel.cpu.program import Program, program_of
from costmodel.cpu.stack import Cause, Timing
from costmodel.cpu.tlb import blocks_of, footprint_pages, fresh_pages, page_ticks
from costmodel.cpu.window import Costs

TOGETHER = 64
"""The most sequences of page tables that one call of compiled code computes."""
_KNOWN = 256
_known: OrderedDict[Hashable, Tables] = OrderedDict()
"""The latest answers. Most numbers that a what-if changes do not matter to most programs."""


@dataclass(frozen=True)
class Priced:
    """A program with the costs of its accesses on one machine, for one workload."""

    program: Program
    costs: Costs
    weights: tuple[dict[Cause, int], ...]

    def key(self) -> Hashable:
        """Return everything but the parameters that decides the ticks and their causes."""
        weights = tuple(tuple(each.items()) for each in self.weights)
        return self.program.key, *(part.tobytes() for part in self.costs), weights


def priced_programs(
    runs: Sequence[TableRun], machine: Machine, parameters: Parameters
) -> list[Priced]:
    """Return one program per run; runs with equal traces and equal costs share one object."""
    line_bytes = machine.caches.line_bytes.value
    bytes_ = footprint_bytes(runs, line_bytes)
    pages = footprint_pages(runs, blocks_of(machine))
    footprints = bytes_, pages
    made: dict[tuple[object, float], Priced] = {}
    same: dict[Hashable, Priced] = {}
    priced: list[Priced] = []
    for run in runs:
        reuse = bytes_ if run.reuse_bytes is None else run.reuse_bytes
        key = (run.trace.token, reuse)
        if key not in made:
            made[key] = _priced(run.trace, machine, parameters, reuse, footprints)
        priced.append(same.setdefault(made[key].key(), made[key]))
    return priced


def _priced(
    trace: Trace,
    machine: Machine,
    parameters: Parameters,
    reuse: float,
    footprints: tuple[float, float],
) -> Priced:
    """Return the priced program of a trace.

    ``reuse`` is the number of bytes touched since lines used once per round were touched last,
    ``footprints`` the bytes and pages that a round touches.
    """
    bytes_, pages = footprints
    distances = reuse_of(trace, machine.caches.line_bytes.value).distances
    access = class_costs(distances, reuse, machine, parameters, round_bytes=bytes_)
    page = page_ticks(fresh_pages(trace, blocks_of(machine)), pages, machine, parameters)
    held = zip(access.weights, access.holds.tolist(), strict=True)
    classes = alike((*weights.items(), hold) for weights, hold in held)
    page_classes = alike(page.tolist())
    program = program_of(trace, machine, classes, page_classes)
    first = [classes.index(number) for number in range(max(classes) + 1)]
    page_first = [page_classes.index(number) for number in range(max(page_classes) + 1)]
    costs = Costs(
        access=access.ticks[first],
        misses=access.misses[first],
        holds=access.holds[first],
        gaps=access.gaps[first],
        page=page[page_first],
    )
    return Priced(program, costs, tuple(access.weights[number] for number in first))


def run(runs: Sequence[TableRun], machine: Machine) -> Timing:
    """Return what the page tables of ``runs`` cost on a machine, one after the other."""
    return run_together([(runs, machine)])[0]


def run_together(asked: Sequence[tuple[Sequence[TableRun], Machine]]) -> list[Timing]:
    """Return for each of ``asked`` what its page tables cost on its machine, one after the other.

    ``TOGETHER`` of them are computed in one call of compiled code. Nothing is approximated: a cost
    is used again only if the window is in the same state as when the same rows were executed
    before.
    """
    groups = (asked[at : at + TOGETHER] for at in range(0, len(asked), TOGETHER))
    return [timing for group in groups for timing in _together(group)]


def _together(asked: Sequence[tuple[Sequence[TableRun], Machine]]) -> list[Timing]:
    keys: list[Hashable] = []
    known: dict[Hashable, Tables] = {}
    lanes: dict[Hashable, Lane] = {}
    for runs, machine in asked:
        key, lane = _lane(runs, machine)
        keys.append(key)
        if key in _known:
            known[key] = _known[key]
        else:
            lanes[key] = lane
    found = dict(zip(lanes, computed(list(lanes.values())), strict=True))
    _known.update(found)
    while len(_known) > _KNOWN:
        _known.popitem(last=False)
    known |= found
    return [
        Timing(*known[key], machine.core.clock_ghz.value)
        for key, (_, machine) in zip(keys, asked, strict=True)
    ]


def _lane(runs: Sequence[TableRun], machine: Machine) -> tuple[Hashable, Lane]:
    """Return what is to be computed, and all that decides the result."""
    parameters = parameters_of(machine)
    priced = priced_programs(runs, machine, parameters)
    parts = tuple((each.key(), run.count) for each, run in zip(priced, runs, strict=True))
    ops = frozenset().union(*(each.program.ops for each in priced))
    lane = Lane(parameters, priced, [run.count for run in runs])
    return (relevant(parameters, ops), parts), lane
