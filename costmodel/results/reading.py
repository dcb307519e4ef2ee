"""Reads a result file (schema 1, docs/result-json.md) as far as a comparison needs it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from costmodel.config.document import Document
from costmodel.config.errors import ConfigError, Fault, describe
from costmodel.config.schema import Problem, raise_problems, validated
from costmodel.statistics import Summary

SCHEMA = 1
LARGEST_FILE_BYTES = 256 << 20

# Keys may be added within schema 1, so unknown ones are let pass.
_LENIENT = ConfigDict(strict=True, extra="ignore", frozen=True, allow_inf_nan=False)

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Key = tuple[str, tuple[tuple[str, float], ...], str]
"""Machine, folio layout, strategy: what tells the cells of one file apart."""


class Seconds(BaseModel):
    """The times of a cell, in seconds."""

    model_config = _LENIENT

    mean: Positive
    stdev_between_runs: Annotated[float, Field(ge=0)] | None
    run_means: list[Positive]

    @property
    def summary(self) -> Summary:
        """The times as the statistics take them."""
        return Summary(
            mean=self.mean,
            stdev_between_runs=self.stdev_between_runs,
            run_means=tuple(self.run_means),
        )


class CellRecord(BaseModel):
    """One cell of a result file."""

    model_config = _LENIENT

    machine: str
    operation: str
    memory_bytes: Count
    folio_orders: Annotated[dict[str, Positive], Field(min_length=1)]
    frames: str
    state: str
    contpte: bool | None
    cpus: Count
    strategy: str
    runs: Count
    iterations: Count
    seconds: Seconds

    @model_validator(mode="after")
    def _all_runs_are_there(self) -> CellRecord:
        raise_problems("cell", self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        means = len(self.seconds.run_means)
        at = ("seconds", "run_means")
        if means not in (0, self.runs):
            yield at, f"must be one number per run, {self.runs}", means
        if self.seconds.stdev_between_runs is not None and not means:
            yield at, "must not be empty where there is a deviation", means

    @property
    def key(self) -> Key:
        """What tells this cell from the others of its file."""
        return self.machine, tuple(sorted(self.folio_orders.items())), self.strategy

    @property
    def layout(self) -> str:
        """The folio orders as tables show them."""
        if len(self.folio_orders) == 1:
            return f"order-{next(iter(self.folio_orders))}"
        return ", ".join(f"{order}: {100 * s:g}%" for order, s in self.folio_orders.items())


class Origin(BaseModel):
    """What of a file's provenance decides how it can be compared."""

    model_config = _LENIENT

    version: str
    seed: int
    noise: bool


class ResultFile(BaseModel):
    """A result file."""

    model_config = _LENIENT

    provenance: Origin
    cells: Annotated[list[CellRecord], Field(min_length=1)]

    @model_validator(mode="after")
    def _each_cell_once(self) -> ResultFile:
        raise_problems("cells", self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        seen: dict[Key, int] = {}
        for index, cell in enumerate(self.cells):
            first = seen.setdefault(cell.key, index)
            if first != index:
                reason = f"the same machine, layout and strategy as cells[{first}]"
                yield ("cells", index), reason, cell.strategy


def read_results(path: Path) -> ResultFile:
    """Read a result file; raise ConfigError with one line per fault."""
    data = _parse(path)
    found = data.get("schema")
    if found != SCHEMA or isinstance(found, bool):
        reason = f"must be {SCHEMA}: another schema cannot be compared"
        raise ConfigError.of(str(path), reason, key="schema", got=describe(found))
    if "kind" in data:
        reason = "is no result file: costmodel run --json writes those"
        raise ConfigError.of(str(path), reason, key="kind", got=describe(data["kind"]))
    return validated(ResultFile, Document(str(path), data))


def _parse(path: Path) -> dict[str, Any]:
    if path.is_file() and path.stat().st_size > LARGEST_FILE_BYTES:
        raise ConfigError.of(str(path), f"is larger than {LARGEST_FILE_BYTES >> 20} MiB")
    try:
        data = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_constant)
    except OSError as error:
        raise ConfigError.of(str(path), error.strerror or "cannot be read") from None
    except json.JSONDecodeError as error:
        fault = Fault(str(path), error.lineno, error.colno, reason=f"is no JSON: {error.msg}")
        raise ConfigError([fault]) from None
    except RecursionError:
        raise ConfigError.of(str(path), "is nested too deeply") from None
    except ValueError as error:
        # Text that is no UTF-8, NaN, an integer of thousands of digits.
        raise ConfigError.of(str(path), f"is no JSON: {error}") from None
    if not isinstance(data, dict):
        raise ConfigError.of(str(path), "must be a JSON object", got=describe(data))
    return data


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")
