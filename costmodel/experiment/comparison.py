"""Results beside the baseline of their machine and workload, and beside what was published."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from costmodel import published, settings, statistics
from costmodel.experiment.build_doubt import BuildDoubt
from costmodel.experiment.builds import BuildChanges
from costmodel.experiment.cell import Cell, Result, noise_scenario
from costmodel.uncertainty import sampling
from costmodel.uncertainty.spread import ModelInterval


@dataclass(frozen=True)
class Comparison:
    """A result beside the baseline of its machine and workload, and what was published.

    ``builds`` is the change by every build that both were recorded of, None where there are not
    two, ``build_doubt`` how far other builds may lie, worked out when it is asked for.
    """

    result: Result
    baseline: Result
    change: statistics.Change
    published: tuple[published.Row | published.ThroughputRow, ...]
    builds: BuildChanges | None = None
    build_doubt: Callable[[], BuildDoubt] = BuildDoubt

    @cached_property
    def model(self) -> ModelInterval:
        """Where measurements should lie, as far as the model knows what it does not know."""
        doubt, logs = self.build_doubt(), self.result.log_samples
        return ModelInterval(
            seconds=sampling.seconds_interval(self.result.summary.mean, logs, doubt.seconds),
            change_pct=sampling.change_interval(
                self.change.mean_pct, logs, self.baseline.log_samples, doubt.change
            ),
        )

    @property
    def is_across(self) -> bool:
        """Whether the two are of different builds: the change is that of the build too."""
        return self.result.build != self.baseline.build

    @property
    def model_has_cliff(self) -> bool:
        """Whether the change jumps within the ranges of the machine's numbers."""
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
    """Strategies that do not run on a machine, and why."""

    machine: str
    strategies: tuple[str, ...]
    reason: str


def compare(results: Sequence[Result], baseline: str) -> list[Comparison]:
    """Set every result beside that of ``baseline`` on the same machine and workload.

    Of several builds of the baseline it is that of the same build. Raises ValueError for a result
    without its baseline.
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
    """Set one result beside another; all strategies of a workload meet the same noise.

    So runs are compared in pairs.
    """
    change = statistics.change(result.summary, reference.summary, paired=True)
    rows = published_rows(result.cell, reference.cell.strategy)
    return Comparison(result, reference, change, rows, builds, build_doubt)


def published_rows(
    cell: Cell, baseline: str | None
) -> tuple[published.Row | published.ThroughputRow, ...]:
    """Return what was published about a cell: about this workload on this machine.

    Nothing was about mixes of orders, about a machine with other numbers than the shipped one of
    its name, or about a workload that is not as rows are, but for the CPUs that a row names. Of a
    loop that a workload names, rows are those of its number of CPUs.
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
    """Return what tells machine and workload apart from others: strategies meet there."""
    return cell.machine.name, noise_scenario(cell.workload)
