"""The file of ``costmodel measure --json``: all that was measured, beside what the model says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from costmodel import __version__
from costmodel.config.errors import ConfigError
from costmodel.config.frames import CONTIGUOUS, SCATTERED, Frames
from costmodel.config.json_text import read_json
from costmodel.config.machine import Machine
from costmodel.config.schema import printable, raise_problems, validated
from costmodel.config.workload import span_problems
from costmodel.measure.machine_text import Made
from costmodel.measure.operations import Measured, Operations
from costmodel.measure.prediction import Compared, RunningKernel, running_kernel
from costmodel.measure.readings.number import Number
from costmodel.measure.session import Session
from costmodel.measure.system import System
from costmodel.units import PAGE_BYTES

if TYPE_CHECKING:
    from costmodel.loops.price import PricedLoop

FORMAT: Literal["costmodel measured, 1"] = "costmodel measured, 1"

Line = Annotated[str, AfterValidator(printable)]
"""Text that tables print."""


class Times(BaseModel):
    """The least, the 10th percentile and the median of call times, in nanoseconds of CPU time."""

    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)
    least: Annotated[float, Field(ge=1)]
    p10: Annotated[float, Field(ge=1)]
    median: Annotated[float, Field(ge=1)]


class OperationRow(BaseModel):
    """One operation as the file has it."""

    model_config = ConfigDict(strict=True, extra="ignore")
    operation: Line
    order: Annotated[int, Field(ge=0, le=9)]
    memory_bytes: Annotated[int, Field(gt=0, multiple_of=PAGE_BYTES)]
    layout: Line
    scattered: bool = False
    """Of files up to version 0.3, which have no ``frames``."""
    frames: Frames | None = None
    frames_over_bytes: Annotated[int, Field(gt=0)] | None = None
    ns: Times
    strategy: Line | None = None
    predicted_ns: Annotated[float, Field(gt=0)] | None = None

    @property
    def lies(self) -> str:
        """How the folios lie."""
        return self.frames or (SCATTERED if self.scattered else CONTIGUOUS)

    @model_validator(mode="after")
    def _fits_together(self) -> OperationRow:
        key = "frames_over_bytes"
        problems = span_problems(self.memory_bytes, self.lies, self.frames_over_bytes, key)
        raise_problems("operation", problems)
        return self

    def measured(self) -> Measured:
        """Return it as a measured operation whose only samples are the least and the median."""
        times = [round(self.ns.least), round(self.ns.median), round(self.ns.median)]
        return Measured(
            self.operation, self.order, self.memory_bytes, times, self.layout, self.lies,
            self.frames_over_bytes,
        )  # fmt: skip

    def compared(self) -> Compared:
        """Return it beside the prediction that was made when it was measured."""
        return Compared(self.measured(), self.strategy, self.predicted_ns)


class _System(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")
    model_name: Line
    kernel: Line
    isa: Literal["arm64", "x86_64"]
    pte_functions: list[Line] = []
    options: list[Line] | None = None
    compiler: Line = ""

    @property
    def running(self) -> RunningKernel:
        """The kernel that was measured."""
        return running_kernel(self.kernel, self.options, self.compiler, self.pte_functions)


class MeasuredFile(BaseModel):
    """The part of the file that other commands read."""

    model_config = ConfigDict(strict=True, extra="ignore")
    format: Literal["costmodel measured, 1"]
    date: Line
    system: _System
    operations: list[OperationRow]
    small_calls_ns: dict[Line, Times] = {}

    def check_isa(self, machine: Machine) -> None:
        """Raise ConfigError for a machine of another instruction set."""
        if machine.isa != self.system.isa:
            reason = f"was measured on {self.system.isa}, {machine.name} is {machine.isa}"
            raise ConfigError.of("--measured", reason)

    @property
    def small_ns(self) -> dict[str, float]:
        """The least times of calls on few pages."""
        return {name: times.least for name, times in self.small_calls_ns.items()}

    @property
    def measured(self) -> list[Measured]:
        """The operations that were measured; [] where none were."""
        return [row.measured() for row in self.operations]


def is_measured(path: Path) -> bool:
    """Tell whether a file is one of ``measure --json``, by its first bytes."""
    with path.open("rb") as stream:
        return FORMAT.encode() in stream.read(len(FORMAT) + 40)


def read_measured(path: Path) -> MeasuredFile:
    """Return a file of ``costmodel measure --json``; raise ConfigError with every fault."""
    found = validated(MeasuredFile, read_json(path))
    if not found.operations:
        raise ConfigError.of(str(path), "has no operations: measured with --no-validate?")
    return found


def document(
    system: System,
    session: Session,
    numbers: Iterable[Number],
    made: Made,
    operations: Operations | None,
    rows: Sequence[Compared],
    loops: Sequence[PricedLoop] = (),
) -> dict[str, Any]:
    """Return the file's content."""
    lacking = [*session.lacking, *(operations.lacking if operations else [])]
    return {
        "format": FORMAT,
        "version": __version__,
        "date": session.date,
        "rounds": session.rounds,
        "load_average": list(session.loads),
        "steal_pct": session.steal_pct,
        "busy": session.signs_of_others(system.cpus),
        "unlike_cpus": session.unlike,
        "lacking": lacking,
        "system": system.document(),
        "numbers": [_number(number, made) for number in numbers],
        "experiments": {
            name: {unit: series.estimate(unit).document() for unit in ("cycles", "ns")}
            for name, series in session.results.items()
            if series.cycles
        },
        "single_loads_ns": {
            str(size): dict(zip(("p10", "median", "p90"), _deciles(times), strict=True))
            for size, times in session.single_loads_ns.items()
        },
        "empty_process_ns": _times_of(operations.empty_ns) if operations else {},
        "small_calls_ns": _times_of(operations.small_ns) if operations else {},
        "operations": rows_of(rows),
        "loops": [loop._asdict() for loop in loops],
    }


def rows_of(rows: Sequence[Compared]) -> list[dict[str, Any]]:
    """Return operations beside their predictions for JSON."""
    return [_row(row) for row in rows]


def _number(number: Number, made: Made) -> dict[str, Any]:
    written = "yes" if number.key in made.measured else made.refused.get(number.key, "no such key")
    return {
        "key": number.key,
        "value": number.value,
        "low": number.low,
        "high": number.high,
        "how": number.how,
        "written": written,
    }


def _row(row: Compared) -> dict[str, Any]:
    measured = row.measured
    return {
        "operation": measured.operation,
        "order": measured.order,
        "memory_bytes": measured.memory_bytes,
        "layout": measured.layout,
        "frames": measured.frames,
        "frames_over_bytes": measured.frames_over_bytes,
        "calls": len(measured.ns),
        "ns": _times(measured.ns),
        "strategy": row.strategy,
        "build": row.build,
        "predicted_ns": row.predicted_ns,
        "ratio": row.ratio,
    }


def _times_of(found: Mapping[str, Sequence[float]]) -> dict[str, dict[str, float]]:
    return {name: _times(times) for name, times in found.items()}


def _times(times: Sequence[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {
        "least": ordered[0],
        "p10": ordered[len(ordered) // 10],
        "median": float(median(ordered)),
    }


def _deciles(times: Sequence[float]) -> tuple[float, float, float]:
    cuts = quantiles(times, n=10)
    return cuts[0], median(times), cuts[-1]
