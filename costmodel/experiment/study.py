"""Compares cells with their baselines, each strategy in the build with its median change."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from costmodel import published, settings, statistics
from costmodel.config.workload import noise_scenario
from costmodel.disk_cache import kept_on_disk
from costmodel.experiment.build_doubt import BuildDoubt, compared_builds, doubt_of, kind_of_cell
from costmodel.experiment.builds import (
    BuildChanges,
    common_builds,
    in_the,
    is_named,
    kernel_cell,
    matched,
    own_builds,
)
from costmodel.experiment.cell import Cell
from costmodel.experiment.pace import exact_seconds_on
from costmodel.experiment.result import Result
from costmodel.experiment.run import CellKey, KnownTimes, result_key, run_cells
from costmodel.simulation import Engine
from costmodel.uncertainty import model_error, sampling
from costmodel.uncertainty.spread import Interval, ModelInterval


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

        They hold what is uncertain about the machine's numbers and about the kernel's build, and by
        how much predictions of this class miss beyond that.
        """
        doubt, own, base = self.build_doubt(), self.result, self.baseline
        logs, rates = own.log_samples, own.throughput_log_samples
        of_seconds = model_error.widened(doubt.seconds, self._time_class)
        of_class, part = model_error.change_of(own.cell.workload), own.part_apart(base)
        of_ratio = doubt.change
        if not self.is_baseline:
            of_ratio = model_error.widened(doubt.change, of_class, part)
        of_time, of_change = (
            sampling.of_throughput(log, own.busy_share) for log in (of_seconds, of_ratio)
        )
        return ModelInterval(
            seconds=sampling.seconds_interval(own.summary.mean, logs, of_seconds),
            change_pct=sampling.change_interval(
                self.change.mean_pct, logs, base.log_samples, of_ratio
            ),
            throughput_per_s=sampling.seconds_interval(own.throughput_per_s, rates, of_time),
            throughput_change_pct=sampling.change_interval(
                self.throughput_change_pct, rates, base.throughput_log_samples, of_change
            ),
            seconds_error_pct=model_error.size_pct(self._time_class),
            change_error_pct=0.0 if self.is_baseline else model_error.size_pct(of_class, part),
        )

    @cached_property
    def known_pct(self) -> Interval:
        """The part of ``model.change_pct`` that the machine's numbers and the build decide."""
        own, base = self.result.log_samples, self.baseline.log_samples
        return sampling.change_interval(self.change.mean_pct, own, base, self.build_doubt().change)

    @property
    def _time_class(self) -> model_error.AnswerClass:
        cell = self.result.cell
        compared = published.is_compared(cell.machine, cell.workload)
        return model_error.time_of(cell.workload, compared=compared)

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

    def share_of(self, key: str) -> float:
        """Return which share of the variance of the change a number of the machine decides.

        ``key`` is the number's. The machines drawn are priced as they would be if it were known,
        which takes as long as the interval itself.
        """
        own, base = self.result, self.baseline
        times = (_seconds_if_known(each.cell, key) for each in (own, base))
        here = math.log(own.exact_ps / base.exact_ps)
        ratios = [math.log(new / old) - here for new, old in zip(*times, strict=True)]
        return sampling.share_of_known(self.log_ratios, ratios, self.build_doubt().change)

    @property
    def is_baseline(self) -> bool:
        """Whether this is the baseline itself."""
        return self.result is self.baseline


def _seconds_if_known(cell: Cell, key: str) -> list[float]:
    """Return the times of a cell on the machines drawn, if the number ``key`` were known."""

    def computed() -> list[float]:
        many = cell.workload.many_cpus
        known = sampling.machines_if_known(cell.machine, key, many_cpus=many)
        return exact_seconds_on(cell, known)

    named = result_key(cell, noise=False, causes=(), intervals=False)
    return computed() if named is None else kept_on_disk((f"{named} if known:", key), computed)


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


def compare_cells(
    cells: Sequence[Cell],
    baseline: str,
    *,
    noise: bool = True,
    jobs: int = 1,
    engine: Engine = Engine.FAST,
    intervals: bool = True,
) -> list[Comparison]:
    """Compute cells and compare each with that of ``baseline`` on its machine and workload.

    ``cells`` must contain the baseline's. Both cells of a comparison are priced in one build, see
    :func:`costmodel.experiment.builds.matched`; the baseline compared with itself is priced in the
    build that its name means. Other arguments and the errors are those of :func:`run_cells`.
    Raises KeyError for a cell whose baseline is not among ``cells``.
    """
    bases = {meeting_place(cell): cell for cell in cells if cell.strategy == baseline}
    pairs = [(cell, bases[meeting_place(cell)]) for cell in cells]
    times = KnownTimes()
    times.work_out(_needed(pairs, intervals=intervals), jobs=jobs)
    matches = [matched(new, base, times) for new, base in pairs]
    todo = list(dict.fromkeys(CellKey(cell) for m in matches for cell in (m.new, m.base)))
    results = run_cells(
        (key.cell for key in todo), noise=noise, jobs=jobs, engine=engine, intervals=intervals
    )
    found = dict(zip(todo, results, strict=True))
    return [
        beside(found[CellKey(m.new)], found[CellKey(m.base)], m.builds, partial(doubt_of, m, times))
        for m in matches
    ]


def _of_its_kernel(new: Cell, base: Cell) -> Iterator[Cell]:
    """Yield the cells that decide in which build a user's strategy is shown."""
    kernel = kernel_cell(new)
    if kernel is not None and kernel.strategy != base.strategy:
        for build in common_builds(kernel, base):
            yield from (in_the(build, cell) for cell in (kernel, base))


def _needed(pairs: Iterable[tuple[Cell, Cell]], *, intervals: bool) -> Iterator[Cell]:
    """Yield the cells whose exact times decide which builds are compared and how far they differ.

    To know them beforehand allows to compute them in several processes.
    """
    for new, base in pairs:
        several = () if new is base else common_builds(new, base)
        if len(several) > 1:
            yield from (in_the(build, cell) for build in several for cell in (new, base))
            yield from _of_its_kernel(new, base)
        if not intervals or is_named(new):
            continue
        if len(own_builds(new)) > 1:
            yield from (in_the(build, new) for build in own_builds(new))
        if len(own_builds(new)) < 2 or (new is not base and len(several) < 2):
            for cells in compared_builds(kind_of_cell(new)):
                yield from (cell for pair in cells for cell in pair)
