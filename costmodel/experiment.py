"""Cells in, results out: machine x workload x strategy x protocol to seconds and their reasons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from costmodel import published, settings, statistics
from costmodel.config.errors import ConfigError
from costmodel.config.sizes import size_text
from costmodel.parallel import in_processes
from costmodel.simulation import Engine, NoiseSizes, Samples, Stream, simulate
from costmodel.simulation.engine import undisturbed_ps
from costmodel.simulation.noise import ALL_CAUSES, NoiseCause
from costmodel.simulation.price import INTERCONNECT, PricedOperation, price_operation
from costmodel.simulation.process import QUIET, run_once
from costmodel.uncertainty import sampling
from costmodel.uncertainty.spread import ModelInterval
from costmodel.units import PS_PER_NS, PS_PER_S

REFERENCE_BYTES = 16 << 20
"""The most memory for the engine that makes every micro-op an event: some 10 s a cell."""

if TYPE_CHECKING:
    from costmodel.code.trace import TableRun
    from costmodel.config.machine import Machine
    from costmodel.config.scenario import Protocol
    from costmodel.config.workload import Workload
    from costmodel.cpu.stack import Timing


@dataclass(frozen=True)
class Cell:
    """One number to compute: what runs where, how often."""

    machine: Machine
    workload: Workload
    strategy: str
    protocol: Protocol


@dataclass(frozen=True)
class Result:
    """What the model says about one cell.

    ``exact_ps`` is the time without noise; ``stack_ns_per_pte`` splits it by cause and sums to
    ``ns_per_pte``, the fixed part of the operation included. ``segments_ns_per_pte`` splits the
    time of a lone CPU by part: ``copy``, or ``unmap`` and ``release`` (freeing pages), and what
    lies ``around``. ``samples_ps`` int64[runs,
    iterations] is None when noise was off; ``summary`` is of these, or of the exact time.
    ``samples_log`` are ``log_samples``, ``build_seconds`` what each other build of the strategy
    takes by its name, where they were asked for when the cell was computed.
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
    build_seconds: Mapping[str, float] | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        """Return the cost in one line: what runs where, and ns per PTE."""
        cell = self.cell
        on = settings.title(cell.machine, room=60)
        what = settings.what(cell.workload, layout=True)
        return f"{cell.strategy} on {on}: {self.ns_per_pte:.2f} ns per PTE ({what})"

    @property
    def ns_per_pte(self) -> float:
        """Time without noise per PTE in nanoseconds."""
        return self.exact_ps / PS_PER_NS / self.ptes

    @cached_property
    def log_samples(self) -> tuple[float, ...]:
        """Logarithms of the exact time on machines drawn from what is uncertain about this one.

        See :mod:`costmodel.uncertainty.sampling`. Worked out when first asked for: that takes a
        dozen times as long as the exact time.
        """
        known = self.samples_log
        return _log_samples(self.cell, self.exact_ps) if known is None else known

    @cached_property
    def seconds_by_build(self) -> Mapping[str, float]:
        """Time without noise of each build that was recorded of the strategy, by its name.

        Empty for a strategy of which one build was named, for one of the user, and where none was
        recorded.
        """
        return _seconds_by_build(self.cell) if self.build_seconds is None else self.build_seconds


@dataclass(frozen=True)
class BuildRange:
    """A change in percent by each build, from the baseline of the same build."""

    changes_pct: Mapping[str, float]

    @property
    def low_pct(self) -> float:
        """The lowest change of any build."""
        return min(self.changes_pct.values())

    @property
    def median_pct(self) -> float:
        """The change of the median build."""
        return float(np.median(list(self.changes_pct.values())))

    @property
    def high_pct(self) -> float:
        """The highest change of any build."""
        return max(self.changes_pct.values())


@dataclass(frozen=True)
class Comparison:
    """A result beside the baseline of its machine and workload, and what was published."""

    result: Result
    baseline: Result
    change: statistics.Change
    published: tuple[published.Row, ...]

    @cached_property
    def model(self) -> ModelInterval:
        """Where measurements should lie, as far as the model knows what it does not know."""
        return _model_interval(self.result, self.baseline, self.change.mean_pct)

    @cached_property
    def builds(self) -> BuildRange | None:
        """The change by every build that both were recorded of; None where there are not two."""
        if self.is_baseline:
            return None
        ours, theirs = self.result.seconds_by_build, self.baseline.seconds_by_build
        common = [build for build in ours if build in theirs]
        changes = {build: 100 * (ours[build] / theirs[build] - 1) for build in common}
        return BuildRange(changes) if len(changes) > 1 else None

    @property
    def model_has_cliff(self) -> bool:
        """Whether the change jumps within the ranges of the machine's numbers."""
        pairs = zip(self.result.log_samples, self.baseline.log_samples, strict=True)
        return sampling.has_cliff([own - other for own, other in pairs])

    @property
    def is_baseline(self) -> bool:
        """Whether this is the baseline itself."""
        return self.result is self.baseline


@dataclass(frozen=True)
class LeftOut:
    """Strategies that do not run on a machine, and why."""

    machine: str
    strategies: tuple[str, ...]
    reason: str


def run_cells(
    cells: Iterable[Cell],
    *,
    noise: bool = True,
    jobs: int = 1,
    engine: Engine = Engine.FAST,
    causes: frozenset[NoiseCause] = ALL_CAUSES,
    intervals: bool = True,
) -> list[Result]:
    """Compute cells in the order given; the results do not depend on ``jobs``.

    ``jobs`` processes share the work (1: this process alone). ``causes`` are the causes of noise
    that act; with ``noise`` off none do and results are exact. With ``intervals`` what they
    take is worked out as well, else when asked for. Raises ConfigError for a strategy that
    cannot run on its cell.
    """
    todo = list(cells)
    if engine is Engine.REFERENCE:
        _check_size(todo)
    tasks = [_Task(group, noise, engine, causes, intervals) for group in _groups(todo)]
    if jobs > 1 and engine is Engine.FAST:
        from costmodel import cpu

        cpu.warm_up()
    done = in_processes(_run_task, tasks, jobs=jobs)
    values = {position: found for results in done for position, found in results}
    return [Result(cell=cell, **values[position]) for position, cell in enumerate(todo)]


def run_cell(
    cell: Cell,
    *,
    noise: bool = True,
    engine: Engine = Engine.FAST,
    causes: frozenset[NoiseCause] = ALL_CAUSES,
) -> Result:
    """Compute one cell; see :func:`run_cells`."""
    runs = _table_runs(cell)
    timing = _timing(runs, cell.machine, engine)
    operation = price_operation(timing, cell.machine, cell.workload, runs)
    exact_ps = _exact_ps(cell, operation, engine)
    samples = _samples(cell, operation, engine, causes) if noise else None
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
        stack_ns_per_pte=_stack(operation, exact_ps, ptes),
        micro_ops_per_pte=_micro_ops(runs, ptes),
        segments_ns_per_pte={
            name: ps / PS_PER_NS / ptes for name, ps in operation.segments_ps.items()
        },
        summary=summary,
        samples_ps=samples,
    )


def exact_seconds(cell: Cell) -> float:
    """Return the time of a cell without noise: :func:`run_cell` for callers that want no more."""
    runs = _table_runs(cell)
    operation = price_operation(
        _timing(runs, cell.machine, Engine.FAST), cell.machine, cell.workload, runs
    )
    return _exact_ps(cell, operation, Engine.FAST) / PS_PER_S


def executed(cell: Cell) -> Sequence[TableRun]:
    """Return what a cell executes, one entry per distinct page table; traced once per process."""
    return _table_runs(cell)


def compare(results: Sequence[Result], baseline: str) -> list[Comparison]:
    """Set every result beside that of ``baseline`` on the same machine and workload.

    All strategies of a workload meet the same noise, so runs are compared in pairs. Raises
    ValueError for a result without its baseline.
    """
    baselines = {_place(r.cell): r for r in results if r.cell.strategy == baseline}
    comparisons = []
    for result in results:
        reference = baselines.get(_place(result.cell))
        if reference is None:
            raise ValueError(
                f"'results' must hold {baseline} for {_place(result.cell)} "
                f"(got {result.cell.strategy} alone)"
            )
        change = statistics.change(result.summary, reference.summary, paired=True)
        rows = published_rows(result.cell, baseline)
        comparisons.append(Comparison(result, reference, change, rows))
    return comparisons


def published_rows(cell: Cell, baseline: str | None) -> tuple[published.Row, ...]:
    """Return what was published about a cell: about this workload on this machine.

    Nothing was about mixes of orders, about a machine with changed numbers, or about a workload
    that is not as rows are, but for the CPUs that a row names.
    """
    workload = cell.workload
    unusual = {one.key for one in settings.settings_of_workload(workload)} - {"cpus"}
    if workload.folio_order is None or unusual or cell.machine.changes:
        return ()
    return published.matching(
        machine=cell.machine.name,
        operation=workload.operation,
        state=workload.state,
        memory_bytes=workload.memory_bytes,
        order=workload.folio_order,
        strategy=cell.strategy,
        baseline=baseline,
        cpus=workload.cpus,
    )


def noise_scenario(workload: Workload) -> str:
    """Return the name under which a workload draws its noise: all of it but contpte.

    Contpte is the strategy's business, and all strategies of a workload meet the same noise.
    """
    orders = ",".join(f"{order}:{share:g}" for order, share in workload.folio_orders.items())
    over = f" over {workload.frames_over}" if workload.frames_over else ""
    return (
        f"{workload.operation} {workload.memory_bytes} {orders} {workload.frames}{over} "
        f"{workload.state} {workload.cpus}"
    )


def _check_size(cells: Sequence[Cell]) -> None:
    """Refuse what the reference engine would take hours for."""
    largest = max((cell.workload.memory_bytes for cell in cells), default=0)
    if largest > REFERENCE_BYTES:
        reason = f"reference takes at most {size_text(REFERENCE_BYTES)} of memory"
        raise ConfigError.of("--engine", reason, got=size_text(largest))


def _log_samples(cell: Cell, exact_ps: int) -> tuple[float, ...]:
    def seconds(machine: Machine) -> float:
        return exact_seconds(replace(cell, machine=machine))

    return sampling.log_samples(cell.machine, exact_ps / PS_PER_S, seconds)


def _seconds_by_build(cell: Cell) -> dict[str, float]:
    from costmodel.strategies.builds import MARK, builds_for, built, not_recorded
    from costmodel.strategies.resolve import resolve

    strategy = resolve(cell.strategy, operation=cell.workload.operation)
    if strategy.code is not None or (strategy.build and MARK in cell.strategy):
        return {}
    return {
        build: exact_seconds(replace(cell, strategy=f"{cell.strategy}{MARK}{build}"))
        for build in builds_for(strategy, cell.machine.isa)
        if not not_recorded(built(strategy, build), cell.workload, cell.machine.isa)
    }


def _model_interval(result: Result, baseline: Result, change_pct: float) -> ModelInterval:
    machine, logs = result.cell.machine, result.log_samples
    same = result is baseline
    return ModelInterval(
        seconds=sampling.seconds_interval(machine, result.summary.mean, logs),
        change_pct=sampling.change_interval(
            machine, change_pct, logs, baseline.log_samples, same=same
        ),
    )


@dataclass(frozen=True)
class _Task:
    """Cells of one strategy with their positions: a process traces it once."""

    cells: tuple[tuple[int, Cell], ...]
    noise: bool
    engine: Engine
    causes: frozenset[NoiseCause]
    intervals: bool


def _run_task(task: _Task) -> list[tuple[int, dict[str, Any]]]:
    """Return the results by position, without their cells: machines are slow to send."""
    found = []
    for position, cell in task.cells:
        result = run_cell(cell, noise=task.noise, engine=task.engine, causes=task.causes)
        if task.intervals:
            result = replace(
                result, samples_log=result.log_samples, build_seconds=result.seconds_by_build
            )
        values = {each.name: getattr(result, each.name) for each in fields(Result)}
        found.append((position, {name: v for name, v in values.items() if name != "cell"}))
    return found


def _groups(cells: Sequence[Cell]) -> Iterator[tuple[tuple[int, Cell], ...]]:
    groups: dict[tuple[str, str], list[tuple[int, Cell]]] = {}
    for position, cell in enumerate(cells):
        groups.setdefault((cell.machine.isa, cell.strategy), []).append((position, cell))
    for group in groups.values():
        yield tuple(group)


def _table_runs(cell: Cell) -> Sequence[TableRun]:
    from costmodel.strategies.resolve import resolve
    from costmodel.strategies.runs import trace_runs

    range_tlbi = bool(cell.machine.tlbi.range.value)
    strategy = resolve(cell.strategy, operation=cell.workload.operation)
    return trace_runs(strategy, cell.workload, cell.machine.isa, range_tlbi=range_tlbi)


def _timing(runs: Sequence[TableRun], machine: Machine, engine: Engine) -> Timing:
    # Contention is SimPy's part: the core prices a lone CPU.
    if engine is Engine.REFERENCE:
        from costmodel.cpu import reference

        return reference.run(runs, machine)
    from costmodel import cpu

    return cpu.run(runs, machine)


def _exact_ps(cell: Cell, operation: PricedOperation, engine: Engine) -> int:
    if engine is Engine.REFERENCE and cell.workload.cpus == 1:
        return run_once(operation.schedule, [QUIET])
    return undisturbed_ps(
        operation.schedule, cpus=cell.workload.cpus, bus_share=operation.bus_share
    )


def _samples(
    cell: Cell, operation: PricedOperation, engine: Engine, causes: frozenset[NoiseCause]
) -> Samples:
    workload, protocol = cell.workload, cell.protocol
    sizes = NoiseSizes.of(cell.machine, workload.folio_orders)
    return simulate(
        operation.schedule,
        sizes.only(causes),
        Stream(protocol.seed, cell.machine.name, noise_scenario(workload)),
        runs=protocol.runs,
        iterations=protocol.iterations,
        cpus=workload.cpus,
        bus_share=operation.bus_share,
        engine=engine,
    )


def _stack(operation: PricedOperation, exact_ps: int, ptes: int) -> dict[str, float]:
    """Return the CPI stack in ns per PTE, largest part first; it sums to the exact time."""
    stack = dict(operation.stack_ps)
    waiting = exact_ps - operation.schedule.total_ps
    if waiting:
        stack[INTERCONNECT] = float(waiting)
    ordered = sorted(stack.items(), key=lambda part: (-part[1], part[0]))
    return {cause: ps / PS_PER_NS / ptes for cause, ps in ordered}


def _micro_ops(runs: Sequence[TableRun], ptes: int) -> dict[str, float]:
    counts: dict[str, int] = {}
    for run in runs:
        for kind, count in run.trace.kinds().items():
            counts[kind] = counts.get(kind, 0) + count * run.count
    return {kind: float(np.divide(counts[kind], ptes)) for kind in sorted(counts)}


def _place(cell: Cell) -> tuple[str, str]:
    return cell.machine.name, noise_scenario(cell.workload)
