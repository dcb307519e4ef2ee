"""Computes one cell: from machine, workload, strategy and repetitions to times and their causes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from costmodel import settings, statistics
from costmodel.config.workload import noise_scenario
from costmodel.cpus.machine_in_use import machine_in_use
from costmodel.simulation import Engine, NoiseSizes, Samples, Stream, simulate
from costmodel.simulation.noise import ALL_CAUSES, NoiseCause
from costmodel.simulation.schedule import PricedOperation, price_operation
from costmodel.uncertainty import sampling
from costmodel.units import PS_PER_NS, PS_PER_S, PS_PER_US

if TYPE_CHECKING:
    from costmodel.code.trace import TableRun
    from costmodel.config.machine import Machine
    from costmodel.config.scenario import Protocol
    from costmodel.config.workload import Workload
    from costmodel.cpu.stack import Timing
    from costmodel.cpus.contention import Contention
    from costmodel.cpus.setup import Setup
    from costmodel.operations.shared.strategy import Strategy
    from costmodel.strategies.builds import Build


@dataclass(frozen=True)
class Cell:
    """One number to compute: what runs where, how often.

    ``build`` is the kernel build whose code runs; the empty text stands for the build that the
    strategy's name means by itself.
    """

    machine: Machine
    workload: Workload
    strategy: str
    protocol: Protocol
    build: str = ""


class Pace(NamedTuple):
    """How fast a cell is without noise: time of an operation, operations of all CPUs a second."""

    ps: int
    per_s: float


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
        return _pace(self.cell, self.exact_ps, self.contention).per_s

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
    runs = _table_runs(cell)
    operation = _priced(cell, runs, engine)
    crowd = setup_of(cell, operation, runs)
    met = None if crowd is None else _met(cell, crowd, runs, engine)
    exact_ps = _lone_ps(operation, engine) if met is None else met.mean_ps
    samples = _samples(cell, operation, crowd, engine, causes) if noise else None
    summary = (
        statistics.exact(exact_ps / PS_PER_S)
        if samples is None
        else statistics.summarise(samples / PS_PER_S)
    )
    ptes = sum(run.count * run.ptes for run in runs)
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


def exact_seconds(cell: Cell) -> float:
    """Return the time of one operation of a cell in seconds, without noise and without a result."""
    return exact_seconds_of([cell])[0]


def exact_seconds_of(cells: Sequence[Cell]) -> list[float]:
    """Return the same of many cells, which the core computes together."""
    return [pace.ps / PS_PER_S for pace in paces_of(cells)]


def exact_seconds_on(cell: Cell, machines: Sequence[Machine]) -> list[float]:
    """Return the same of a cell on other machines."""
    return exact_seconds_of([replace(cell, machine=machine) for machine in machines])


def seconds_around(cell: Cell) -> Callable[[Machine], float]:
    """Return the exact time of a cell of one CPU, in seconds, as a function of its machine.

    The machines that the function is asked about may differ from the cell's in what lies around the
    page tables alone: what the core executes is priced once, here.
    """
    runs = _table_runs(cell)
    timing = _timing(runs, machine_in_use(cell.machine, cell.workload), Engine.FAST)

    def seconds(machine: Machine) -> float:
        used = machine_in_use(machine, cell.workload)
        operation = price_operation(timing, used, cell.workload, runs, strategy=cell.strategy)
        return operation.total_ps / PS_PER_S

    return seconds


def exact_ps_of(runs: Sequence[TableRun], cell: Cell) -> int:
    """Return the time of a cell in picoseconds, without noise; ``runs`` is what it executes."""
    return paces_of([cell], [runs])[0].ps


def paces_of(
    cells: Sequence[Cell], executes: Sequence[Sequence[TableRun]] | None = None
) -> list[Pace]:
    """Return how long an operation takes, and how often it is done, of each cell, without noise.

    The core computes all together. ``executes`` says what each cell executes; by default it is what
    its strategy says.
    """
    runs = [_table_runs(cell) for cell in cells] if executes is None else executes
    machines = [machine_in_use(cell.machine, cell.workload) for cell in cells]
    timings = _timings(list(zip(runs, machines, strict=True)), Engine.FAST)
    return list(map(_pace_with, cells, runs, machines, timings))


def _pace_with(cell: Cell, runs: Sequence[TableRun], machine: Machine, timing: Timing) -> Pace:
    """Return the pace of a cell whose page tables take ``timing`` on the machine in use."""
    operation = price_operation(timing, machine, cell.workload, runs, strategy=cell.strategy)
    crowd = setup_of(cell, operation, runs)
    if crowd is None:
        return _pace(cell, operation.total_ps, None)
    from costmodel.cpus.contention import contention

    met = contention(crowd)
    return _pace(cell, met.mean_ps, met)


def _pace(cell: Cell, exact_ps: int, met: Contention | None) -> Pace:
    if met is not None:
        return Pace(exact_ps, met.throughput_per_s)
    return Pace(exact_ps, PS_PER_S / (exact_ps + cell.workload.between_us * PS_PER_US))


def executed(cell: Cell) -> Sequence[TableRun]:
    """Return what a cell executes: one trace for each distinct page table, and how often it runs.

    Traces are kept: a process makes each of them once.
    """
    return _table_runs(cell)


def strategy_of(cell: Cell) -> Strategy:
    """Return the strategy of a cell as its build executes it.

    Raises ConfigError for a build that was not recorded of it, or not for the workload.
    """
    from costmodel.strategies.builds import in_build

    return in_build(named_strategy(cell), build_of(cell), cell.workload, cell.machine.isa)


def build_of(cell: Cell) -> str:
    """Return the name of the build whose code runs in a cell; for an archive its reference."""
    from costmodel.strategies.builds import own_build

    return cell.build or own_build(named_strategy(cell), cell.workload, cell.machine.isa)


def named_strategy(cell: Cell) -> Strategy:
    """Return the strategy that the name in a cell means, whatever the build."""
    from costmodel.strategies.resolve import resolve

    return resolve(cell.strategy, operation=cell.workload.operation)


def _table_runs(cell: Cell) -> Sequence[TableRun]:
    from costmodel.strategies.runs import trace_runs

    range_tlbi = bool(cell.machine.tlbi.range.value)
    strategy = strategy_of(cell)
    return trace_runs(strategy, cell.workload, cell.machine.isa, range_tlbi=range_tlbi)


def crowd_of(cell: Cell) -> Setup | None:
    """Return what the CPUs of a cell do and share, ready to be simulated; None for a lone CPU."""
    runs = _table_runs(cell)
    return setup_of(cell, _priced(cell, runs, Engine.FAST), runs)


def _met(cell: Cell, crowd: Setup, runs: Sequence[TableRun], engine: Engine) -> Contention:
    """Return how long CPUs wait for what they share, the cost of the shared cache included."""
    from costmodel.cpus.contention import SharedUse, contention

    found = contention(crowd, engine=engine)
    lone_ps = _lone_cpu_ps(cell, runs) + crowd.between_ps
    found = replace(found, alone_per_s=PS_PER_S / lone_ps if lone_ps else 0.0)
    if "llc" in cell.workload.unshared or len(crowd.workers) == 1:
        return found
    unshared = cell.workload.model_copy(update={"unshared": ("llc",)})
    whole = _priced(replace(cell, workload=unshared), runs, Engine.FAST)
    lost_ns = (found.alone_ps - whole.total_ps) / PS_PER_NS
    return replace(found, shared={**found.shared, "llc": SharedUse(lost_ns, 0.0, 1.0, 0.0)})


def _lone_cpu_ps(cell: Cell, runs: Sequence[TableRun]) -> int:
    """Return the time of the operation where its CPU has the machine to itself."""
    lone = cell.workload.model_copy(update={"cpus": 1, "threads": 1})
    return _priced(replace(cell, workload=lone), runs, Engine.FAST).total_ps


def setup_of(cell: Cell, operation: PricedOperation, runs: Sequence[TableRun]) -> Setup | None:
    """Return what the CPUs in use do and share; None for a lone CPU, which needs no simulation.

    ``operation`` is the priced operation of a lone CPU, ``runs`` what it executes.
    """
    if not cell.workload.many_cpus:
        return None
    from costmodel.cpus.setup import setup  # a lone CPU does not need its time to load

    return setup(operation, cell.machine, cell.workload, runs)


def _priced(cell: Cell, runs: Sequence[TableRun], engine: Engine) -> PricedOperation:
    """Return the operation as one CPU executes it without waiting for any other CPU."""
    machine = machine_in_use(cell.machine, cell.workload)
    timing = _timing(runs, machine, engine)
    return price_operation(timing, machine, cell.workload, runs, strategy=cell.strategy)


def _timing(runs: Sequence[TableRun], machine: Machine, engine: Engine) -> Timing:
    return _timings([(runs, machine)], engine)[0]


def _timings(
    asked: Sequence[tuple[Sequence[TableRun], Machine]], engine: Engine
) -> Sequence[Timing]:
    """Return what the core takes for the page tables of each of ``asked`` on its machine."""
    if engine is Engine.REFERENCE:
        from costmodel.cpu import reference

        return [reference.run(runs, machine) for runs, machine in asked]
    from costmodel import cpu

    return cpu.run_all(asked)


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
