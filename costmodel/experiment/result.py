"""Computes one cell: from machine, workload, strategy and repetitions to times and their causes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from costmodel import settings, statistics
from costmodel.config.workload import noise_scenario
from costmodel.experiment.cell import Cell, build_of, executed, named_strategy
from costmodel.experiment.pace import Pace, pace_of, paces_of, priced, setup_of
from costmodel.simulation import Engine, NoiseSizes, Samples, Stream, simulate
from costmodel.simulation.noise import ALL_CAUSES, NoiseCause
from costmodel.uncertainty import sampling
from costmodel.units import AROUND, PS_PER_NS, PS_PER_S, PS_PER_US

if TYPE_CHECKING:
    from costmodel.code.trace import TableRun
    from costmodel.cpus.contention import Contention
    from costmodel.cpus.setup import Setup
    from costmodel.simulation.schedule import PricedOperation
    from costmodel.strategies.builds import Build

DrawnLogs = tuple[tuple[float, ...], tuple[float, ...]]
"""Logarithms of times and of throughputs on the machines drawn, over those of the machine."""


@dataclass(frozen=True)
class Result:
    """What the model says about one cell.

    ``ptes`` is the number of page-table entries that the operation handles. ``exact_ps`` is the
    time of one operation without noise, in picoseconds. ``stack_ns_per_pte`` splits it by cause;
    the parts are in nanoseconds per PTE and sum to ``ns_per_pte``, the fixed costs of the operation
    included. ``micro_ops_per_pte`` counts the executed micro-ops by kind. ``segments_ns_per_pte``
    splits the time of a lone CPU by part of the operation: the loop (such as ``copy`` or
    ``unmap``), for zap the freeing of pages (``release``), and what lies ``around`` them.
    ``samples_ps``, int64[runs, iterations], holds the simulated times; it is None without noise.
    ``summary`` describes these samples, or the exact time. ``drawn_logs`` holds ``log_samples`` and
    ``throughput_log_samples`` where they were computed together with the cell.
    """

    cell: Cell
    ptes: int
    exact_ps: int
    stack_ns_per_pte: Mapping[str, float]
    micro_ops_per_pte: Mapping[str, float]
    summary: statistics.Summary
    samples_ps: Samples | None = field(default=None, compare=False, repr=False)
    segments_ns_per_pte: Mapping[str, float] = field(default_factory=dict)
    drawn_logs: DrawnLogs | None = field(default=None, compare=False, repr=False)
    contention: Contention | None = field(default=None, repr=False)
    """How the CPUs in use wait for each other, without noise; None for a lone CPU."""

    def __str__(self) -> str:
        """Return one line that says what runs where, and its time in nanoseconds per PTE."""
        cell = self.cell
        on = settings.machine_title(cell.machine, room=60)
        what = settings.what(cell.workload, layout=True)
        code = f"{what}; build {self.build}"
        return f"{cell.strategy} on {on}: {self.ns_per_pte:.2f} ns per PTE ({code})"

    @property
    def ns_per_pte(self) -> float:
        """The time without noise, in nanoseconds per PTE."""
        return self.exact_ps / PS_PER_NS / self.ptes

    @property
    def throughput_per_s(self) -> float:
        """How many operations all CPUs together finish in a second, without noise.

        The time between two operations of a CPU (the scenario's ``between_us``) is part of it.
        """
        return pace_of(self.cell, self.exact_ps, self.contention).per_s

    @property
    def log_samples(self) -> tuple[float, ...]:
        """Natural logarithms of the exact time on other machines over that on this machine.

        The machines are drawn from what is uncertain about this one, see
        :mod:`costmodel.uncertainty.sampling`. They are priced when they are first asked for, which
        takes about a dozen times as long as the exact time.
        """
        return self.on_drawn_machines[0]

    @property
    def throughput_log_samples(self) -> tuple[float, ...]:
        """The same of ``throughput_per_s``, on the same machines."""
        return self.on_drawn_machines[1]

    @cached_property
    def on_drawn_machines(self) -> DrawnLogs:
        """Both of these, computed where they were not given."""
        if self.drawn_logs is not None:
            return self.drawn_logs
        drawn = sampling.drawn_machines(self.cell.machine, many_cpus=self.cell.workload.many_cpus)
        return self.logs_of(paces_of([replace(self.cell, machine=machine) for machine in drawn]))

    def logs_of(self, paces: Sequence[Pace]) -> DrawnLogs:
        """Return the logarithms of other times and throughputs over those of this result."""
        return (
            tuple(math.log(pace.ps / self.exact_ps) for pace in paces),
            tuple(math.log(pace.per_s / self.throughput_per_s) for pace in paces),
        )

    def part_apart(self, other: Result) -> float:
        """Return which part of two times belongs to one of them alone, as the mean of both.

        What lies around the page tables (entry and exit of calls, fixed costs, flushes) takes the
        same in both as far as the shorter one goes: the rest is apart.
        """
        common = min(self._around_ps, other._around_ps)
        return 1 - fmean(common / each.exact_ps for each in (self, other))

    @property
    def _around_ps(self) -> float:
        return self.segments_ns_per_pte.get(AROUND, 0.0) * PS_PER_NS * self.ptes

    @property
    def busy_share(self) -> float:
        """Which part of a CPU's time the operation takes; the rest lies between two operations."""
        return self.exact_ps / (self.exact_ps + self.cell.workload.between_us * PS_PER_US)

    @property
    def build(self) -> str:
        """Name of the build whose code was priced."""
        return build_of(self.cell)

    @property
    def described_build(self) -> Build:
        """The build whose code was priced, with its compiler and configuration."""
        from costmodel.strategies.builds import described

        return described(named_strategy(self.cell), self.build)


def run_cell(
    cell: Cell,
    *,
    noise: bool = True,
    engine: Engine = Engine.FAST,
    causes: frozenset[NoiseCause] = ALL_CAUSES,
) -> Result:
    """Compute one cell; see :func:`run_cells`."""
    from costmodel.code.trace import ptes_of

    runs = executed(cell)
    operation = priced(cell, runs, engine)
    crowd = setup_of(cell, operation, runs)
    met = None if crowd is None else _met(cell, crowd, runs, engine)
    exact_ps = _lone_ps(operation, engine) if met is None else met.mean_ps
    samples = _samples(cell, operation, crowd, engine, causes) if noise else None
    summary = (
        statistics.exact(exact_ps / PS_PER_S)
        if samples is None
        else statistics.summarise(samples / PS_PER_S)
    )
    ptes = ptes_of(runs)
    return Result(
        cell=cell,
        ptes=ptes,
        exact_ps=exact_ps,
        stack_ns_per_pte=_stack(operation, met, ptes),
        micro_ops_per_pte=_micro_ops(runs, ptes),
        segments_ns_per_pte={
            name: ps / PS_PER_NS / ptes for name, ps in operation.segments_ps.items()
        },
        summary=summary,
        samples_ps=samples,
        contention=met,
    )


def _met(cell: Cell, crowd: Setup, runs: Sequence[TableRun], engine: Engine) -> Contention:
    """Return how long CPUs wait for what they share, the cost of the shared cache included."""
    from costmodel.cpus.contention import SharedUse, contention

    found = contention(crowd, engine=engine)
    lone_ps = _lone_cpu_ps(cell, runs) + crowd.between_ps
    found = replace(found, alone_per_s=PS_PER_S / lone_ps if lone_ps else 0.0)
    if "llc" in cell.workload.unshared or len(crowd.workers) == 1:
        return found
    unshared = cell.workload.model_copy(update={"unshared": ("llc",)})
    whole = priced(replace(cell, workload=unshared), runs, Engine.FAST)
    lost_ns = (found.alone_ps - whole.total_ps) / PS_PER_NS
    return replace(found, shared={**found.shared, "llc": SharedUse(lost_ns, 0.0, 1.0, 0.0)})


def _lone_cpu_ps(cell: Cell, runs: Sequence[TableRun]) -> int:
    """Return the time of the operation where its CPU has the machine to itself."""
    lone = cell.workload.model_copy(update={"cpus": 1, "threads": 1})
    return priced(replace(cell, workload=lone), runs, Engine.FAST).total_ps


def _lone_ps(operation: PricedOperation, engine: Engine) -> int:
    if engine is Engine.REFERENCE:
        from costmodel.simulation.process import run_once

        return run_once(operation.schedule)
    return operation.total_ps


def _samples(
    cell: Cell,
    operation: PricedOperation,
    crowd: Setup | None,
    engine: Engine,
    causes: frozenset[NoiseCause],
) -> Samples:
    workload, protocol = cell.workload, cell.protocol
    sizes = NoiseSizes.of(cell.machine, workload.folio_orders).only(causes)
    stream = Stream(protocol.seed, cell.machine.name, noise_scenario(workload))
    runs, iterations = protocol.runs, protocol.iterations
    if crowd is None:
        return simulate(
            operation.schedule, sizes, stream, runs=runs, iterations=iterations, engine=engine
        )
    from costmodel.cpus.contention import samples

    return samples(
        crowd,
        operation.schedule,
        sizes,
        stream,
        runs=runs,
        iterations=iterations,
        engine=engine,
    )


def _stack(operation: PricedOperation, crowd: Contention | None, ptes: int) -> dict[str, float]:
    """Return the CPI stack in ns per PTE, largest part first; it sums to the exact time."""
    stack = dict(operation.stack_ps)
    if crowd is not None:
        for cause, ps in crowd.extra_ps.items():
            stack[cause] = stack.get(cause, 0.0) + ps
    ordered = sorted(stack.items(), key=lambda part: (-part[1], part[0]))
    return {cause: ps / PS_PER_NS / ptes for cause, ps in ordered}


def _micro_ops(runs: Sequence[TableRun], ptes: int) -> dict[str, float]:
    counts: dict[str, int] = {}
    for run in runs:
        for kind, count in run.trace.kinds().items():
            counts[kind] = counts.get(kind, 0) + count * run.count
    return {kind: float(np.divide(counts[kind], ptes)) for kind in sorted(counts)}
