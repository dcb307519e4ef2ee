"""Results beside the baseline of their machine and workload, and beside what was published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from costmodel import published, settings, statistics
from costmodel.experiment.cell import Cell, Result, noise_scenario
from costmodel.uncertainty import sampling
from costmodel.uncertainty.spread import ModelInterval


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
    def builds(self) -> Mapping[str, float] | None:
        """The change in percent by every build that both were recorded of, from the baseline of
        the same build; None where there are not two."""
        if self.is_baseline:
            return None
        ours, theirs = self.result.seconds_by_build, self.baseline.seconds_by_build
        common = [build for build in ours if build in theirs]
        changes = {build: 100 * (ours[build] / theirs[build] - 1) for build in common}
        return changes if len(changes) > 1 else None

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

    Nothing was about mixes of orders, about a machine with other numbers than the shipped one of
    its name, or about a workload that is not as rows are, but for the CPUs that a row names.
    """
    workload = cell.workload
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


def _model_interval(result: Result, baseline: Result, change_pct: float) -> ModelInterval:
    machine, logs = result.cell.machine, result.log_samples
    same = result is baseline
    return ModelInterval(
        seconds=sampling.seconds_interval(machine, result.summary.mean, logs),
        change_pct=sampling.change_interval(
            machine, change_pct, logs, baseline.log_samples, same=same
        ),
    )


def _place(cell: Cell) -> tuple[str, str]:
    return cell.machine.name, noise_scenario(cell.workload)
