"""One cell of a result file: what was computed, its spread, and what others measured.

The fields are those of docs/result-json.md, in the order in which they are written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isclose
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from costmodel.config.crowd import CpuCount, column_text
from costmodel.config.schema import Problem, printable, problem, raise_problems
from costmodel.config.workload import MappedBy
from costmodel.results.crowd_records import CrowdRecord
from costmodel.statistics import Summary
from costmodel.units import LARGEST_ORDER

LENIENT = ConfigDict(strict=True, extra="ignore", frozen=True, allow_inf_nan=False)
"""Keys may be added within a schema, so unknown ones are let pass."""

_AGREE = 1e-6
"""Numbers of a file that say the same agree to this part: they were written with all digits."""

Words = Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(printable)]
"""Text that a terminal or a picture can show as it is."""
Count = Annotated[int, Field(ge=1, le=2**63 - 1)]
# The bounds are far beyond any operation; a picture can still show them.
Amount = Annotated[float, Field(ge=0, le=1e15)]
Duration = Annotated[float, Field(gt=0, le=1e12)]
Percent = Annotated[float, Field(ge=-1e15, le=1e15)]
Share = Annotated[float, Field(gt=0, le=1)]
FolioOrder = Annotated[int, Field(strict=False, ge=0, le=LARGEST_ORDER)]


def _ordered(interval: tuple[float, float]) -> tuple[float, float]:
    """Refuse an interval that ends before it begins."""
    if interval[0] > interval[1]:
        raise problem("must be [low, high]")
    return interval


Interval = Annotated[tuple[Percent, Percent], Field(strict=False), AfterValidator(_ordered)]


class CellSeconds(BaseModel):
    """The times of a cell in seconds, as the protocol would see them."""

    model_config = LENIENT

    mean: Duration
    """Mean of the run means."""
    ci95: Interval | None = None
    """Student's t interval of the mean over run means; null without noise."""
    stdev_between_runs: Annotated[float, Field(ge=0, le=1e12)] | None
    """Sample standard deviation of the run means; null with one run or without noise."""
    stdev_within_runs: Annotated[float, Field(ge=0, le=1e12)] | None = None
    """Root mean square over runs of the standard deviation of a run's iterations."""
    run_means: list[Duration]
    """One number per run; empty without noise."""

    @property
    def summary(self) -> Summary:
        """The times as the statistics take them."""
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
    """``stdev_between_runs`` in percent of the baseline's mean."""
    ci95: Interval | None = None
    """95 % interval of the mean: run i of both met the same noise."""
    p_value: Annotated[float, Field(ge=0, le=1)] | None = None
    """Paired t test for no change."""
    smallest_detectable: Amount | None = None
    """The smallest change that two separate series with these deviations would show."""


class PublishedPoint(BaseModel):
    """A number that others measured for a cell: one row of ``published/rows.yaml``."""

    model_config = LENIENT

    id: Words
    """Table and number in it, such as ``T07c/2``."""
    metric: Literal["rel_pct", "seconds", "throughput_pct", "per_s"]
    """What ``mean`` and ``stdev`` are."""
    mean: Percent
    """In the unit of the metric."""
    stdev: Amount | None
    """Null where none was published."""
    change_pct: Percent | None = None
    """The change against the same baseline that the row says or implies."""
    role: Literal["fit", "check", "mixed", "band"] | None
    """What calibration may do with it; ``mixed``: holds another change or noise of its size;
    ``band``: shows what another build does to a number."""
    compiler: Words | None = None
    """What the measured kernels were built by, where somebody says."""
    configuration: Words | None = None
    """The same of their configuration."""
    repeats: Words | None
    """Id of the row that published the same measurement first."""
    variant: str
    """The row's label as published."""
    source: str
    """Author, mail, message ids."""

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
        """Compiler and configuration as far as they are known."""
        return ", ".join(filter(None, (self.compiler, self.configuration)))

    @property
    def change(self) -> float | None:
        """The change in percent; files of before ``change_pct`` have it for relative rows only."""
        return self.mean if self.metric == "rel_pct" else self.change_pct

    @property
    def change_stdev(self) -> float | None:
        """The deviation of the change in percentage points, where one was published."""
        return self.stdev if self.metric == "rel_pct" else None

    @property
    def seconds(self) -> float | None:
        """The time, of rows that publish one."""
        return self.mean if self.metric == "seconds" else None

    @property
    def fitted(self) -> bool:
        """Whether calibration may have used it."""
        return self.role == "fit"

    @property
    def band(self) -> bool:
        """Whether it is of another build of the same source."""
        return self.role == "band"


@dataclass(frozen=True)
class BuildRange:
    """The lowest and highest change in percent over ``count`` builds of one source."""

    count: int
    low_pct: float
    high_pct: float


ResultKey = tuple[str, tuple[tuple[int, float], ...], int, int, str]
"""Machine, folio layout, CPUs, threads and strategy: what tells the cells of one file apart."""


class ResultCell(BaseModel):
    """A strategy on a machine and a folio layout."""

    model_config = LENIENT

    machine: Words
    """The machine's name."""
    machine_title: Words | None = None
    """The machine as a table calls it."""
    operation: Words
    """What the kernel does."""
    memory_bytes: Count
    """Size of the mapping."""
    folio_order: FolioOrder | None = None
    """The order of every folio, null for a mix."""
    folio_orders: Annotated[dict[FolioOrder, Share], Field(min_length=1)]
    """Folio order to its share of the memory."""
    frames: Words
    """How the folios lie in physical memory."""
    frames_over_bytes: Count | None = None
    """Physical memory that scattered folios lie in; null: as large as the mapping."""
    mapped: MappedBy = "pte"
    """What maps folios of order 9."""
    vmas: Count | None = None
    """Mappings of the process; null: those of a small program, or no matter."""
    state: Words
    """How the operation finds the PTEs, or what unmaps them."""
    contpte: bool | None
    """Forced on or off; null: as the strategy's kernel has it."""
    cpus: CpuCount
    """CPUs that do the same at the same time."""
    crowd: CrowdRecord | None = None
    """What several CPUs do and share; null for a lone CPU."""
    settings: list[Words] = []
    """What is not as it is by default, in words: of the workload, then of the machine."""
    machine_changes: dict[str, bool | float | str] = {}
    """Numbers that are not those of the machine's file: key to value."""
    strategy: Words
    """Its name, or ``file.py:function``."""
    build: Words | None = None
    """The build whose code was priced: by default the one with the median change, of those that
    the strategy and the baseline were recorded of."""
    compiler: Words | None = None
    """Of the build."""
    configuration: Words | None = None
    """Of the build."""
    remarks: list[str] = []
    """Why its price should not be taken at its word: it is broken, or not priced as it is."""
    baseline: Words
    """The strategy that this one is compared with."""
    baseline_build: Words | None = None
    """The build of the baseline that ``change_pct`` counts from."""
    baseline_seconds: Duration | None = None
    """Mean time of the baseline in that build: its own cell may be of another."""
    runs: Count
    """Independent runs: the unit of the statistics."""
    iterations: Count
    """Operations timed in each run."""
    ptes: Count
    """PTEs that one operation handles."""
    ns_per_pte: Annotated[float, Field(gt=0, le=1e15)]
    """Time without noise, the fixed part of the operation included, divided by ``ptes``."""
    seconds: CellSeconds
    throughput_per_s: Amount | None = None
    """Operations of all CPUs in a second without noise, with what lies between two."""
    throughput_change_pct: Percent | None = None
    """Its change against the baseline in the same build."""
    change_pct: CellChangePct
    model_interval_pct90: Interval | None = None
    """Where 90 % of measured changes should lie."""
    model_interval_seconds90: Interval | None = None
    """The same for the time."""
    builds_in_interval: Literal["own", "others", "none"] | None = None
    """Which builds the intervals cover: those recorded of the strategy; as far as those of any
    other strategy lie apart, where it was recorded of one; none but the one that was named."""
    model_change_jumps: bool = False
    """Whether the change jumps within the ranges of the machine's numbers."""
    builds_change_pct: dict[Words, float] | None = None
    """The change by each recorded build of the source, from the baseline of the same build."""
    cpi_stack_ns_per_pte: Annotated[dict[Words, Amount], Field(min_length=1)]
    """``ns_per_pte`` split by cause, largest first; the parts sum to it."""
    micro_ops_per_pte: dict[Words, Amount]
    """Executed micro-ops by kind."""
    segments_ns_per_pte: dict[Words, Amount] = {}
    """The time of a lone CPU by part."""
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
        """What heads its column: the layout, and how many CPUs where it is not one alone."""
        return column_text(self.layout, self.cpus, self.threads)

    @property
    def layout(self) -> str:
        """The folio orders as a table shows them: ``order-9``, ``0: 50%, 4: 50%``."""
        if self.order is not None:
            return f"order-{self.order}"
        return ", ".join(f"{order}: {100 * s:g}%" for order, s in self.folio_orders.items())

    @property
    def says_settings(self) -> bool:
        """Whether its file says all that is not as it is by default."""
        return "settings" in self.model_fields_set

    @property
    def said(self) -> tuple[str, ...]:
        """What is not as it is by default; files of before ``settings`` say less."""
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
        """Threads of each address space."""
        return self.crowd.threads if self.crowd else 1

    @property
    def operations_per_s(self) -> float:
        """Operations of all CPUs in a second; older files do not say what lies between two."""
        if self.throughput_per_s is not None:
            return self.throughput_per_s
        alone = 1e9 / (self.ns_per_pte * self.ptes)
        return self.crowd.throughput_per_s if self.crowd else alone

    @property
    def cpus_in_use(self) -> int:
        """CPUs at work or asleep: one for each thread of each process."""
        return self.cpus * self.threads

    @property
    def workload_settings(self) -> tuple[str, ...]:
        """What of the workload is not as it is by default."""
        return self.said[: len(self.said) - len(self.machine_changes)]

    @property
    def machine_settings(self) -> tuple[str, ...]:
        """What of the machine is not as its file has it."""
        return self.said[len(self.workload_settings) :]

    @property
    def is_across(self) -> bool:
        """Whether its change is that of the build too."""
        return self.build != self.baseline_build

    @property
    def build_range(self) -> BuildRange | None:
        """The range of ``builds_change_pct``, where there is one."""
        changes = (self.builds_change_pct or {}).values()
        if not changes:
            return None
        return BuildRange(len(changes), min(changes), max(changes))

    @property
    def order(self) -> int | None:
        """The order of every folio, None for a mix."""
        return next(iter(self.folio_orders)) if len(self.folio_orders) == 1 else None

    @property
    def place(self) -> tuple[str, str]:
        """Machine, layout and CPUs: what a panel of a picture shows."""
        return self.machine, self.column

    @property
    def key(self) -> ResultKey:
        """What tells the cells of one file apart."""
        orders = tuple(sorted(self.folio_orders.items()))
        return self.machine, orders, self.cpus, self.threads, self.strategy

    @property
    def is_baseline(self) -> bool:
        """Whether this is the cell that the others of its place are compared with."""
        return self.strategy == self.baseline

    @property
    def marked(self) -> str:
        """The strategy's name, with a star where there are remarks on it."""
        return f"{self.strategy} *" if self.remarks else self.strategy

    @property
    def measurements(self) -> tuple[PublishedPoint, ...]:
        """What was published, each measurement once."""
        shown = {p.id for p in self.published if p.metric == "rel_pct" or p.change_pct}
        return tuple(p for p in self.published if p.repeats not in shown)
