"""Compares results with the baseline on the same machine and workload, and with published rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from costmodel import published, settings, statistics
from costmodel.config.workload import noise_scenario
from costmodel.experiment.build_doubt import BuildDoubt
from costmodel.experiment.builds import BuildChanges
from costmodel.experiment.cell import Cell
from costmodel.experiment.result import Result
from costmodel.uncertainty import sampling
from costmodel.uncertainty.spread import ModelInterval


@dataclass(frozen=True)
class Comparison:
    """A result compared with the baseline on its machine and workload.

    ``change`` is the change of the time in percent. ``published`` are the measurements of this
    change or time that were published. ``builds`` holds the change by each build that both were
    recorded of; None for fewer than two. ``build_doubt`` returns how far other builds may lie.
    """

    result: Result
    baseline: Result
    change: statistics.Change
    published: tuple[published.Row, ...]
    builds: BuildChanges | None = None
    build_doubt: Callable[[], BuildDoubt] = BuildDoubt

    @cached_property
    def model(self) -> ModelInterval:
        """The 90 % intervals in which measured times, throughputs and changes should lie.

        They hold what is uncertain about the machine's numbers and about the kernel's build; what
        the model leaves out is not in them.
        """
        doubt, own, base = self.build_doubt(), self.result, self.baseline
        logs, rates = own.log_samples, own.throughput_log_samples
        of_time, of_change = (
            sampling.of_throughput(builds, own.busy_share)
            for builds in (doubt.seconds, doubt.change)
        )
        return ModelInterval(
            seconds=sampling.seconds_interval(own.summary.mean, logs, doubt.seconds),
            change_pct=sampling.change_interval(
                self.change.mean_pct, logs, base.log_samples, doubt.change
            ),
            throughput_per_s=sampling.seconds_interval(own.throughput_per_s, rates, of_time),
            throughput_change_pct=sampling.change_interval(
                self.throughput_change_pct, rates, base.throughput_log_samples, of_change
            ),
        )

    @property
    def throughput_change_pct(self) -> float:
        """The change of the throughput of all CPUs in percent of the baseline's, without noise."""
        return 100 * (self.result.throughput_per_s / self.baseline.throughput_per_s - 1)

    @property
    def is_across(self) -> bool:
        """Whether the two are priced in different builds, so that the change is partly theirs."""
        return self.result.build != self.baseline.build

    @property
    def model_has_cliff(self) -> bool:
        """Whether the change jumps between two values within the ranges of uncertain numbers."""
        return sampling.has_cliff(self.log_ratios)

    @property
    def log_ratios(self) -> list[float]:
        """Logarithms of how the ratio of the times changes on the machines drawn."""
        pairs = zip(self.result.log_samples, self.baseline.log_samples, strict=True)
        return [own - other for own, other in pairs]

    @property
    def is_baseline(self) -> bool:
        """Whether this is the baseline itself."""
        return self.result is self.baseline


@dataclass(frozen=True)
class LeftOut:
    """Strategies that cannot run on a machine, with the reason they share."""

    machine: str
    strategies: tuple[str, ...]
    reason: str


def compare(results: Sequence[Result], baseline: str) -> list[Comparison]:
    """Compare every result with that of ``baseline`` on the same machine and workload.

    Where there are several builds of the baseline, the one of the same build is taken. Raises
    ValueError for a result without its baseline.
    """
    named = [r for r in results if r.cell.strategy == baseline]
    baselines = {meeting_place(r.cell): r for r in reversed(named)}
    of_build = {(meeting_place(r.cell), r.cell.build): r for r in named}
    comparisons = []
    for result in results:
        place = meeting_place(result.cell)
        reference = of_build.get((place, result.cell.build), baselines.get(place))
        if reference is None:
            raise ValueError(
                f"'results' must hold {baseline} for {place} (got {result.cell.strategy} alone)"
            )
        comparisons.append(beside(result, reference))
    return comparisons


def beside(
    result: Result,
    reference: Result,
    builds: BuildChanges | None = None,
    build_doubt: Callable[[], BuildDoubt] = BuildDoubt,
) -> Comparison:
    """Compare one result with another.

    All strategies of a workload meet the same noise, so their runs are compared in pairs.
    """
    change = statistics.change(result.summary, reference.summary, paired=True)
    rows = published_rows(result.cell, reference.cell.strategy)
    return Comparison(result, reference, change, rows, builds, build_doubt)


def published_rows(cell: Cell, baseline: str | None) -> tuple[published.Row, ...]:
    """Return the published measurements of a cell: of this workload on this machine.

    There are none for a mix of orders, for a machine whose numbers are not those of the shipped one
    of its name, or for a workload with other settings than the number of CPUs. Where the workload
    names a published benchmark loop, the rows are those of the loop at its number of CPUs.
    """
    workload = cell.workload
    if workload.loop is not None:
        return published.matching_loop(
            loop=workload.loop,
            machine=cell.machine.name,
            numbers={key: now for key, (_, now) in cell.machine.changes.items()},
            cpus=workload.cpus,
            threads=workload.threads,
            strategy=cell.strategy,
            baseline=baseline,
        )
    unusual = {one.key for one in settings.settings_of_workload(workload)} - {"cpus"}
    if workload.folio_order is None or unusual or not cell.machine.is_shipped:
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


def meeting_place(cell: Cell) -> tuple[str, str]:
    """Return a key of machine and workload: strategies with the same key are compared."""
    return cell.machine.name, noise_scenario(cell.workload)
