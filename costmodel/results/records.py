"""A cell of a result file: what was computed, how uncertain it is, and what others measured.

The fields are those of docs/result-json.md, in the order in which they are written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isclose
from typing import Annotated, Literal

from pydantic import BaseModel, Field, model_validator

from costmodel.config.crowd import CpuCount, column_text
from costmodel.config.schema import Problem, raise_problems
from costmodel.config.workload import MappedBy
from costmodel.results.crowd_records import CrowdRecord
from costmodel.results.field_types import (
    LENIENT,
    Amount,
    Count,
    Duration,
    FolioOrder,
    Interval,
    Percent,
    Share,
    Words,
)
from costmodel.statistics import Summary

_AGREE = 1e-6
"""Relative difference up to which two numbers of a file that must be equal are equal."""


class CellSeconds(BaseModel):
    """The times of a cell in seconds, as a measurement with these repetitions would find them."""

    model_config = LENIENT

    mean: Duration
    """Mean of the run means; the exact time without noise."""
    ci95: Interval | None = None
    """95 % interval of the mean (Student's t over run means); null without noise."""
    stdev_between_runs: Annotated[float, Field(ge=0, le=1e12)] | None
    """Sample standard deviation of the run means; null with one run or without noise."""
    stdev_within_runs: Annotated[float, Field(ge=0, le=1e12)] | None = None
    """Root mean square over runs of the standard deviation of a run's iterations."""
    run_means: list[Duration]
    """The mean of each run; empty without noise."""

    @property
    def summary(self) -> Summary:
        """The times as a summary, for :mod:`costmodel.statistics`."""
        return Summary(
            mean=self.mean,
            stdev_between_runs=self.stdev_between_runs,
            stdev_within_runs=self.stdev_within_runs,
            run_means=tuple(self.run_means),
        )


class CellChangePct(BaseModel):
    """The change of run time against the baseline cell, in percent of the baseline's mean."""

    model_config = LENIENT

    mean: Percent
    """100 (mean / baseline mean - 1); negative is faster."""
    stdev: Annotated[float, Field(ge=0, le=1e15)] | None
    """``stdev_between_runs`` in percent of the baseline's mean; null where that is null."""
    ci95: Interval | None = None
    """95 % interval of the mean change over pairs of runs, which met the same noise."""
    p_value: Annotated[float, Field(ge=0, le=1)] | None = None
    """The p value of a paired t test for no change."""
    smallest_detectable: Amount | None = None
    """The smallest change that two separate series with these deviations would show."""


class PublishedPoint(BaseModel):
    """A number that others measured for a cell: a row of ``rows.yaml``."""

    model_config = LENIENT

    id: Words
    """Table and number in it, such as ``T07c/2``."""
    metric: Literal["rel_pct", "seconds", "throughput_pct", "per_s"]
    """The unit of ``mean`` and ``stdev``."""
    mean: Percent
    """The published number, in the unit of the metric."""
    stdev: Amount | None
    """The published standard deviation; null where none was published."""
    change_pct: Percent | None = None
    """The change against the same baseline that the row states or implies."""
    role: Literal["fit", "check", "mixed", "band", "report"] | None
    """What calibration may do with the row: fit to it, or check against it; ``mixed``: it contains
    another change, or noise of its size; ``band``: of another build; ``report``: of whole runs."""
    compiler: Words | None = None
    """The compiler of the measured kernels, where the source says it."""
    configuration: Words | None = None
    """The configuration of the measured kernels, where the source says it."""
    mitigations: Literal["auto", "off", "unknown"] = "unknown"
    """What the measured kernels did against speculation, where the source says it."""
    repeats: Words | None
    """Id of the row that published the same measurement first."""
    variant: str
    """The row's label as published."""
    source: str
    """Where it was published: author, mail, message ids."""

    @model_validator(mode="after")
    def _a_time_is_positive(self) -> PublishedPoint:
        if self.metric == "seconds" and self.mean <= 0:
            raise_problems("published", [(("mean",), "must be more than 0 seconds", self.mean)])
        return self

    @property
    def table(self) -> str:
        """The table that the row stands in, such as ``T07c``."""
        return self.id.split("/", maxsplit=1)[0]

    @property
    def built(self) -> str:
        """Compiler and configuration of the measured kernels, as far as they are known."""
        return ", ".join(filter(None, (self.compiler, self.configuration)))

    @property
    def change(self) -> float | None:
        """The change in percent; files without ``change_pct`` have that of relative rows only."""
        return self.mean if self.metric == "rel_pct" else self.change_pct

    @property
    def change_stdev(self) -> float | None:
        """The standard deviation of the change in percentage points, where one was published."""
        return self.stdev if self.metric == "rel_pct" else None

    @property
    def seconds(self) -> float | None:
        """The published time in seconds; None for a row that publishes a change."""
        return self.mean if self.metric == "seconds" else None

    @property
    def fitted(self) -> bool:
        """Whether calibration may have fitted the machine's numbers to it."""
        return self.role == "fit"

    @property
    def band(self) -> bool:
        """Whether it was measured on another build of the same source."""
        return self.role == "band"


@dataclass(frozen=True)
class BuildRange:
    """The lowest and highest change in percent over ``count`` builds of one source."""

    count: int
    low_pct: float
    high_pct: float


ResultKey = tuple[str, tuple[tuple[int, float], ...], int, int, str]
"""Identifies a cell in its file: machine, folio layout, CPUs, threads and strategy."""


class ResultCell(BaseModel):
    """The results of a strategy on a machine, a folio layout and a number of CPUs."""

    model_config = LENIENT

    machine: Words
    """The machine's name."""
    machine_title: Words | None = None
    """The title of the machine in tables."""
    operation: Words
    """The operation, such as fork."""
    memory_bytes: Count
    """Size of the mapping."""
    folio_order: FolioOrder | None = None
    """The order of all folios; null for a mix of orders."""
    folio_orders: Annotated[dict[FolioOrder, Share], Field(min_length=1)]
    """Folio order to its share of the memory."""
    frames: Words
    """How the folios lie in physical memory."""
    frames_over_bytes: Count | None = None
    """Size of the physical memory that scattered folios lie in; null: as large as what is
    present."""
    mapped: MappedBy = "pte"
    """What maps folios of order 9."""
    holes: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the mapping that was never touched."""
    vmas: Count | None = None
    """Number of the process's mappings; null: those of a small program, or they do not matter."""
    state: Words
    """How the operation finds the PTEs, or which call unmaps them."""
    contpte: bool | None
    """Whether only strategies with, or only those without, the contiguous bit were asked for; null:
    either."""
    cpus: CpuCount
    """Number of processes that do the same at the same time."""
    crowd: CrowdRecord | None = None
    """What several CPUs do and share; null for a lone CPU."""
    settings: list[Words] = []
    """What differs from the default, in words: first of the workload, then of the machine."""
    machine_changes: dict[str, bool | float | str] = {}
    """Numbers that differ from the machine's file: dotted key to value."""
    strategy: Words
    """Name of the strategy, or ``file.py:function``."""
    build: Words | None = None
    """The build whose code was priced: by default, of those that both the strategy and the baseline
    were recorded of, the one with the median change."""
    compiler: Words | None = None
    """Compiler of the build."""
    configuration: Words | None = None
    """Configuration of the build."""
    remarks: list[str] = []
    """Why the price should not be trusted: the strategy is broken, or does what it does not pay
    for."""
    baseline: Words
    """The strategy that this one is compared with."""
    baseline_build: Words | None = None
    """The build of the baseline that ``change_pct`` is relative to."""
    baseline_seconds: Duration | None = None
    """Mean time of the baseline in that build; the baseline's own cell may be of another build."""
    runs: Count
    """Number of independent runs, the unit of the statistics."""
    iterations: Count
    """Number of operations that are timed in each run."""
    ptes: Count
    """Number of PTEs that one operation handles."""
    ns_per_pte: Annotated[float, Field(gt=0, le=1e15)]
    """Time of one operation without noise divided by ``ptes``; it includes the operation's fixed
    costs."""
    seconds: CellSeconds
    throughput_per_s: Amount | None = None
    """Operations that all CPUs finish in a second, without noise; the time between two operations
    is part of it."""
    throughput_change_pct: Percent | None = None
    """Change of ``throughput_per_s`` against the baseline in the same build."""
    change_pct: CellChangePct
    model_interval_pct90: Interval | None = None
    """The interval in which 90 % of measured changes should lie."""
    model_interval_seconds90: Interval | None = None
    """The interval in which 90 % of measured times should lie."""
    model_interval_throughput_per_s90: Interval | None = None
    """The interval in which 90 % of measured throughputs of all CPUs should lie."""
    model_interval_throughput_pct90: Interval | None = None
    """The interval in which 90 % of measured changes of the throughput should lie."""
    model_error_change_pct: Amount | None = None
    """What the interval of the change holds beyond numbers and builds, a half-width."""
    model_error_seconds_pct: Amount | None = None
    """The same of the time."""
    builds_in_interval: Literal["own", "others", "none"] | None = None
    """Which builds the intervals cover: ``own``: those that the strategy was recorded of;
    ``others``: it was recorded of one, so the range of other strategies' builds stands for it;
    ``none``: only the build that was named."""
    model_change_jumps: bool = False
    """Whether the change jumps within the ranges of the machine's uncertain numbers."""
    builds_change_pct: dict[Words, float] | None = None
    """The change by each recorded build of the source, against the baseline of the same build."""
    cpi_stack_ns_per_pte: Annotated[dict[Words, Amount], Field(min_length=1)]
    """``ns_per_pte`` split by cause, largest first; the parts sum to it."""
    micro_ops_per_pte: dict[Words, Amount]
    """Executed micro-ops by kind."""
    segments_ns_per_pte: dict[Words, Amount] = {}
    """The time of a lone CPU by part of the operation."""
    published: list[PublishedPoint]
    """What others measured for this cell."""

    @model_validator(mode="after")
    def _numbers_agree(self) -> ResultCell:
        raise_problems("cell", self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        total = sum(self.folio_orders.values())
        if not isclose(total, 1, rel_tol=_AGREE):
            yield ("folio_orders",), "the shares must sum to 1", total
        stack = sum(self.cpi_stack_ns_per_pte.values())
        if not isclose(stack, self.ns_per_pte, rel_tol=_AGREE):
            yield ("cpi_stack_ns_per_pte",), f"must sum to ns_per_pte, {self.ns_per_pte:g}", stack
        yield from self._run_problems()

    def _run_problems(self) -> Iterator[Problem]:
        means, at = self.seconds.run_means, ("seconds", "run_means")
        if len(means) not in (0, self.runs):
            yield at, f"must be one number per run, {self.runs}", len(means)
        elif means and not isclose(sum(means) / len(means), self.seconds.mean, rel_tol=_AGREE):
            yield ("seconds", "mean"), "must be the mean of run_means", self.seconds.mean
        if self.seconds.stdev_between_runs is not None and len(means) < 2:
            yield at, "must hold two runs or more where there is a deviation", len(means)

    @property
    def column(self) -> str:
        """The heading of its column: the folio layout, and the number of CPUs if above one."""
        return column_text(self.layout, self.cpus, self.threads)

    @property
    def layout(self) -> str:
        """The folio orders as a table shows them: ``order-9``, ``0: 50%, 4: 50%``."""
        if self.order is not None:
            return f"order-{self.order}"
        return ", ".join(f"{order}: {100 * s:g}%" for order, s in self.folio_orders.items())

    @property
    def says_settings(self) -> bool:
        """Whether its file lists all settings that differ from the default."""
        return "settings" in self.model_fields_set

    @property
    def said(self) -> tuple[str, ...]:
        """What differs from the default, in words; for older files what other keys tell of it."""
        if self.says_settings:
            return tuple(self.settings)
        older = {
            f"{self.frames} frames": self.frames != "contiguous",
            f"contpte {'on' if self.contpte else 'off'}": self.contpte is not None,
            f"{self.cpus} CPUs at once": self.cpus > 1,
        }
        return tuple(text for text, holds in older.items() if holds)

    @property
    def threads(self) -> int:
        """The number of threads of each process."""
        return self.crowd.threads if self.crowd else 1

    @property
    def operations_per_s(self) -> float:
        """Operations that all CPUs finish in a second.

        Older files do not have the time between two operations, which is then left out.
        """
        if self.throughput_per_s is not None:
            return self.throughput_per_s
        alone = 1e9 / (self.ns_per_pte * self.ptes)
        return self.crowd.throughput_per_s if self.crowd else alone

    @property
    def cpus_in_use(self) -> int:
        """The number of CPUs that work or sleep: one for each thread of each process."""
        return self.cpus * self.threads

    @property
    def workload_settings(self) -> tuple[str, ...]:
        """The settings of the workload that differ from the default, in words."""
        return self.said[: len(self.said) - len(self.machine_changes)]

    @property
    def machine_settings(self) -> tuple[str, ...]:
        """The numbers of the machine that differ from its file, in words."""
        return self.said[len(self.workload_settings) :]

    @property
    def is_across(self) -> bool:
        """Whether cell and baseline are of different builds, which are then part of the change."""
        return self.build != self.baseline_build

    @property
    def build_range(self) -> BuildRange | None:
        """The range of ``builds_change_pct``; None where it is empty."""
        changes = (self.builds_change_pct or {}).values()
        if not changes:
            return None
        return BuildRange(len(changes), min(changes), max(changes))

    @property
    def order(self) -> int | None:
        """The order of all folios; None for a mix of orders."""
        return next(iter(self.folio_orders)) if len(self.folio_orders) == 1 else None

    @property
    def place(self) -> tuple[str, str]:
        """Machine and column (folio layout with CPUs): the cells of one panel in a picture."""
        return self.machine, self.column

    @property
    def key(self) -> ResultKey:
        """The key that identifies the cell in its file."""
        orders = tuple(sorted(self.folio_orders.items()))
        return self.machine, orders, self.cpus, self.threads, self.strategy

    @property
    def is_baseline(self) -> bool:
        """Whether this is the cell that the others of its ``place`` are compared with."""
        return self.strategy == self.baseline

    @property
    def marked(self) -> str:
        """The strategy's name, with a star where there are remarks on it."""
        return f"{self.strategy} *" if self.remarks else self.strategy

    @property
    def measurements(self) -> tuple[PublishedPoint, ...]:
        """The published numbers, without rows that repeat a measurement of another one."""
        shown = {p.id for p in self.published if p.metric == "rel_pct" or p.change_pct}
        return tuple(p for p in self.published if p.repeats not in shown)
