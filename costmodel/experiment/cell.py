"""One cell: machine x workload x strategy x protocol to seconds and their reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from costmodel import settings, statistics
from costmodel.cpus.contention import Contention, SharedUse, contention
from costmodel.cpus.contention import samples as crowd_samples
from costmodel.cpus.machine_in_use import machine_in_use
from costmodel.cpus.setup import Setup, setup
from costmodel.simulation import Engine, NoiseSizes, Samples, Stream, simulate
from costmodel.simulation.noise import ALL_CAUSES, NoiseCause
from costmodel.simulation.price import PricedOperation, price_operation
from costmodel.simulation.process import run_once
from costmodel.uncertainty import sampling
from costmodel.units import PS_PER_NS, PS_PER_S, PS_PER_US

if TYPE_CHECKING:
    from costmodel.code.trace import TableRun
    from costmodel.config.machine import Machine
    from costmodel.config.scenario import Protocol
    from costmodel.config.workload import Workload
    from costmodel.cpu.stack import Timing
    from costmodel.operations.shared.strategy import Strategy
    from costmodel.strategies.builds import Build


@dataclass(frozen=True)
class Cell:
    """One number to compute: what runs where, how often.

    ``build`` is the build whose code runs; "" is the one that the strategy's name means.
    """

    machine: Machine
    workload: Workload
    strategy: str
    protocol: Protocol
    build: str = ""


@dataclass(frozen=True)
class Result:
    """What the model says about one cell.

    ``exact_ps`` is the time without noise; ``stack_ns_per_pte`` splits it by cause and sums to
    ``ns_per_pte``, the fixed part of the operation included. ``segments_ns_per_pte`` splits the
    time of a lone CPU by part: ``copy``, or ``unmap`` and ``release`` (freeing pages), and what
    lies ``around``. ``samples_ps`` int64[runs, iterations] is None when noise was off; ``summary``
    is of these, or of the exact time. ``samples_log`` are ``log_samples``, where they were asked
    for when the cell was computed.
    """

    cell: Cell
    ptes: int
    exact_ps: int
    stack_ns_per_pte: Mapping[str, float]
    micro_ops_per_pte: Mapping[str, float]
    summary: statistics.Summary
    samples_ps: Samples | None = field(default=None, compare=False, repr=False)
    segments_ns_per_pte: Mapping[str, float] = field(default_factory=dict)
    samples_log: tuple[float, ...] | None = field(default=None, compare=False, repr=False)
    contention: Contention | None = field(default=None, repr=False)
    """What CPUs share and how much it costs, without noise; None for a lone CPU."""

    def __str__(self) -> str:
        """Return the cost in one line: what runs where, and ns per PTE."""
        cell = self.cell
        on = settings.machine_title(cell.machine, room=60)
        what = settings.what(cell.workload, layout=True)
        code = f"{what}; build {self.build}"
        return f"{cell.strategy} on {on}: {self.ns_per_pte:.2f} ns per PTE ({code})"

    @property
    def ns_per_pte(self) -> float:
        """Time without noise per PTE in nanoseconds."""
        return self.exact_ps / PS_PER_NS / self.ptes

    @property
    def throughput_per_s(self) -> float:
        """Operations of all CPUs in a second without noise, with what lies between two."""
        if self.contention is not None:
            return self.contention.throughput_per_s
        return PS_PER_S / (self.exact_ps + self.cell.workload.between_us * PS_PER_US)

    @cached_property
    def log_samples(self) -> tuple[float, ...]:
        """Logarithms of the exact time on machines drawn from what is uncertain about this one.

        See :mod:`costmodel.uncertainty.sampling`. Worked out when first asked for: that takes a
        dozen times as long as the exact time.
        """
        known = self.samples_log
        return _log_samples(self.cell, self.exact_ps) if known is None else known

    @property
    def build(self) -> str:
        """The build whose code was priced."""
        return build_of(self.cell)

    @property
    def described_build(self) -> Build:
        """The same with its compiler and configuration."""
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
    """Return the time of a cell without noise: :func:`run_cell` for callers that want no more."""
    return exact_ps_of(_table_runs(cell), cell) / PS_PER_S


def exact_ps_of(runs: Sequence[TableRun], cell: Cell) -> int:
    """Return the picoseconds of a cell whose page tables execute ``runs``, without noise."""
    operation = _priced(cell, runs, Engine.FAST)
    crowd = setup_of(cell, operation, runs)
    return operation.schedule.total_ps if crowd is None else contention(crowd).mean_ps


def executed(cell: Cell) -> Sequence[TableRun]:
    """Return what a cell executes, one entry per distinct page table; traced once per process."""
    return _table_runs(cell)


def strategy_of(cell: Cell) -> Strategy:
    """Return the strategy of a cell as its build executes it.

    Raises ConfigError for a build that was not recorded of it, or not for the workload.
    """
    from costmodel.strategies.builds import in_build

    return in_build(named_strategy(cell), build_of(cell), cell.workload, cell.machine.isa)


def build_of(cell: Cell) -> str:
    """Return the build whose code runs in a cell; of an archive, its reference."""
    from costmodel.strategies.builds import own_build

    return cell.build or own_build(named_strategy(cell), cell.workload, cell.machine.isa)


def named_strategy(cell: Cell) -> Strategy:
    """Return the strategy that the name in a cell means, whatever the build."""
    from costmodel.strategies.resolve import resolve

    return resolve(cell.strategy, operation=cell.workload.operation)


def noise_scenario(workload: Workload) -> str:
    """Return the name under which a workload draws its noise: all of it that is the strategy's not.

    Contpte is the strategy's business, and all strategies of a workload meet the same noise, as do
    answers with and without something that CPUs share.
    """
    orders = ",".join(f"{order}:{share:g}" for order, share in workload.folio_orders.items())
    over = f" over {workload.frames_over}" if workload.frames_over else ""
    vmas = f" {workload.vmas} VMAs" if workload.vmas else ""
    vmas += " by PMDs" if workload.mapped == "pmd" else ""
    name = (
        f"{workload.operation} {workload.memory_bytes} {orders} {workload.frames}{over} "
        f"{workload.state} {workload.cpus}{vmas}"
    )
    if workload.threads == 1 and not workload.between_us:
        return name
    return f"{name} {workload.threads} {workload.others} {workload.between_us:g}"


def _log_samples(cell: Cell, exact_ps: int) -> tuple[float, ...]:
    def seconds(machine: Machine) -> float:
        return exact_seconds(replace(cell, machine=machine))

    return sampling.log_samples(cell.machine, exact_ps / PS_PER_S, seconds)


def _table_runs(cell: Cell) -> Sequence[TableRun]:
    from costmodel.strategies.runs import trace_runs

    range_tlbi = bool(cell.machine.tlbi.range.value)
    strategy = strategy_of(cell)
    return trace_runs(strategy, cell.workload, cell.machine.isa, range_tlbi=range_tlbi)


def crowd_of(cell: Cell) -> Setup | None:
    """Return what several CPUs do and share in a cell, ready to be simulated; None for one."""
    runs = _table_runs(cell)
    return setup_of(cell, _priced(cell, runs, Engine.FAST), runs)


def _met(cell: Cell, crowd: Setup, runs: Sequence[TableRun], engine: Engine) -> Contention:
    """Return who waits for what, and what the share of the last-level cache costs."""
    found = contention(crowd, engine=engine)
    if "llc" in cell.workload.unshared or len(crowd.workers) == 1:
        return found
    unshared = cell.workload.model_copy(update={"unshared": ("llc",)})
    whole = _priced(replace(cell, workload=unshared), runs, Engine.FAST)
    lost_ns = (found.alone_ps - whole.schedule.total_ps) / PS_PER_NS
    return replace(found, shared={**found.shared, "llc": SharedUse(lost_ns, 0.0, 1.0, 0.0)})


def setup_of(cell: Cell, operation: PricedOperation, runs: Sequence[TableRun]) -> Setup | None:
    """Return what several CPUs do and share; None for a lone CPU, which needs no simulation."""
    return (
        None
        if cell.workload.cpus_in_use == 1
        else setup(operation, cell.machine, cell.workload, runs)
    )


def _priced(cell: Cell, runs: Sequence[TableRun], engine: Engine) -> PricedOperation:
    """Return the operation as a CPU executes it that meets nobody."""
    machine = machine_in_use(cell.machine, cell.workload)
    timing = _timing(runs, machine, engine)
    return price_operation(timing, machine, cell.workload, runs, strategy=cell.strategy)


def _timing(runs: Sequence[TableRun], machine: Machine, engine: Engine) -> Timing:
    if engine is Engine.REFERENCE:
        from costmodel.cpu import reference

        return reference.run(runs, machine)
    from costmodel import cpu

    return cpu.run(runs, machine)


def _lone_ps(operation: PricedOperation, engine: Engine) -> int:
    if engine is Engine.REFERENCE:
        return run_once(operation.schedule)
    return operation.schedule.total_ps


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
    return crowd_samples(
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
