"""Compares reports from elsewhere with their predictions: times, throughputs, and their changes.

A report is a whole run of a benchmark, a loop on several CPUs, or comes from a machine that is not
named or not ours; then the nearest machine answers, and signs and factors alone are judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache

from costmodel.calibration.predict import cell_of
from costmodel.calibration.targets import Case, PublishedNumber, reported
from costmodel.calibration.validation import Assessment, answer_class
from costmodel.config.machine import Machine, load_machine
from costmodel.experiment import Cell, matched, paces_of
from costmodel.experiment.build_doubt import doubt_of
from costmodel.experiment.result import DrawnLogs
from costmodel.experiment.run import CellKey, KnownTimes
from costmodel.operations.shared.process import LIFE_KEYS, VMA_KEYS
from costmodel.uncertainty.model_error import widened
from costmodel.uncertainty.priors import OWN_FLUSHES
from costmodel.uncertainty.sampling import (
    change_interval,
    drawn_machines,
    of_throughput,
    seconds_interval,
)

_KEYS_AROUND = (
    "tlbi.asid_flush_ns",
    "kernel.table_alloc_ns",
    "kernel.table_free_ns",
    "kernel.fork_fixed_us",
    "kernel.unmap_call_ns",
    "kernel.unmap_range_pct",
    *OWN_FLUSHES,
    *VMA_KEYS,
    *LIFE_KEYS,
)
"""Prices of what lies around the loops over page tables. Where a row changes one, it says how much
more or less a kernel does: on each machine drawn it is changed in proportion."""


@dataclass(frozen=True)
class ReportScores:
    """How many of the reported numbers are met, each of how many that are judged."""

    signs: tuple[int, int]
    changes: tuple[int, int]
    times: tuple[int, int]
    throughputs: tuple[int, int]
    inside: tuple[int, int]
    """Numbers inside their 90 % interval, times of machines that others stand for left out."""


def assess_reports(progress: Callable[[], object] = lambda: None) -> list[Assessment]:
    """Return the assessments of all reported numbers, in the order of the file.

    ``progress`` is called after each number.
    """
    known = _Known()
    found = []
    for number in reported():
        found.append(_assessment(number, known))
        progress()
    return found


def report_scores(assessments: Iterable[Assessment]) -> ReportScores:
    """Return how many signs and sizes are right, and how many numbers lie in their interval."""
    judged = [a for a in assessments if a.is_judged]
    signed = [a for a in judged if a.has_sign]
    rates = [a for a in judged if a.target.row.metric.is_throughput]
    others = [a for a in judged if not a.target.row.metric.is_throughput]
    return ReportScores(
        signs=(sum(a.sign_agrees for a in signed), len(signed)),
        changes=_within(a for a in others if a.target.baseline),
        times=_within(a for a in others if not a.target.baseline),
        throughputs=_within(rates),
        inside=(sum(a.inside for a in judged), len(judged)),
    )


def _within(assessments: Iterable[Assessment]) -> tuple[int, int]:
    sizes = [a.size <= a.limit for a in assessments]
    return sum(sizes), len(sizes)


class _Known:
    """Exact results and those on the machines drawn; each is computed once."""

    def __init__(self) -> None:
        self.times = KnownTimes()
        self._drawn: dict[CellKey, DrawnLogs] = {}

    def logs(self, cell: Cell, case: Case) -> DrawnLogs:
        """Return the logarithms on the machines drawn for that of a cell as in its file.

        The numbers of the case are put into each, so that two cases that differ in them are
        compared on the same machines. Prices around the loops are put in as multiples of those in
        the file: what is published is how much more a kernel does.
        """
        key = CellKey(cell)
        if key not in self._drawn:
            result, many_cpus = self.times.result(cell), cell.workload.many_cpus
            shipped = _machine(cell.machine.name)
            machines = [
                _with_numbers(drawn, _scaled(case.numbers, drawn, shipped))
                for drawn in drawn_machines(shipped, many_cpus=many_cpus)
            ]
            paces = paces_of([replace(cell, machine=machine) for machine in machines])
            self._drawn[key] = result.logs_of(paces)
        return self._drawn[key]


def _assessment(number: PublishedNumber, known: _Known) -> Assessment:
    machine, base_case = number.row.machine, number.baseline or number.case
    match = matched(_cell(number.case, machine), _cell(base_case, machine), known.times)
    new, base = known.times.result(match.new), known.times.result(match.base)
    doubt = doubt_of(match, known.times)
    builds = doubt.change if number.baseline else doubt.seconds
    own, others = (
        known.logs(cell, case) for cell, case in ((match.new, number.case), (match.base, base_case))
    )
    of_all = number.row.metric.is_throughput
    value, base_value = (r.throughput_per_s if of_all else r.summary.mean for r in (new, base))
    answer = answer_class(number, match.new.machine)
    part = new.part_apart(base) if number.baseline else 1.0
    doubts = [widened(builds, answer, part), builds]
    if of_all:
        doubts = [of_throughput(each, new.busy_share) for each in doubts]
    if number.baseline is None:
        whole, sure = (seconds_interval(value, own[of_all], each) for each in doubts)
        return Assessment(number, value, whole, sure, answer)
    change = 100 * (value / base_value - 1)
    whole, sure = (change_interval(change, own[of_all], others[of_all], each) for each in doubts)
    return Assessment(number, change, whole, sure, answer, part)


def _cell(case: Case, name: str) -> Cell:
    return cell_of(replace(case, numbers=()), _machine(name, case.numbers))


@cache
def _machine(name: str, numbers: tuple[tuple[str, bool | float], ...] = ()) -> Machine:
    """Return a shipped machine with other numbers: the same object each time."""
    return _with_numbers(_machine(name), numbers) if numbers else load_machine(name)


def _scaled(
    numbers: tuple[tuple[str, bool | float], ...], drawn: Machine, shipped: Machine
) -> tuple[tuple[str, bool | float], ...]:
    """Return the numbers of a case for a machine drawn: prices around the loops in proportion."""
    return tuple(
        (key, value * drawn.parameters[key].value / shipped.parameters[key].value)
        if key in _KEYS_AROUND
        else (key, value)
        for key, value in numbers
    )


def _with_numbers(machine: Machine, numbers: tuple[tuple[str, bool | float], ...]) -> Machine:
    return machine.with_values(dict(numbers), origin="rows.yaml") if numbers else machine
