"""The result file, schema 1: one model that writes, reads, compares and draws.

docs/result-json.md describes the keys, docs/result.schema.json is made from the models here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from math import isclose
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from costmodel.config.errors import ConfigError
from costmodel.config.schema import Problem, raise_problems
from costmodel.config.sizes import size_text
from costmodel.results.records import LENIENT, ResultCell, Words
from costmodel.units import PAGE_BYTES

SCHEMA: Final = 1

_COMMON: Final = (
    "operation", "memory_bytes", "frames", "frames_over_bytes", "mapped", "vmas", "state",
    "contpte", "baseline", "runs", "iterations",
)  # fmt: skip
"""What the cells of one file have in common: a scenario has one of each."""


class Provenance(BaseModel):
    """How to compute a file again."""

    model_config = LENIENT

    version: Words
    """Of costmodel."""
    created: Words | None = None
    """UTC, ISO 8601."""
    command: list[str] | None = None
    """Its words; without those that change no number."""
    scenario: dict[str, Any] | None = None
    """The scenario as run: the file's content, defaults and options applied."""
    seed: int
    """Of every random stream."""
    noise: bool
    """False with ``--no-noise``."""
    engine: Literal["fast", "reference"] | None = None
    machine_sha256: dict[str, str] | None = None
    """Machine name to SHA-256 of its file."""
    overrides: list[str] | None = None
    """``KEY=VALUE`` in the order applied."""
    python: str | None = None
    packages: dict[str, str | None] | None = None
    """Versions that could change a number."""


class LeftOutEntry(BaseModel):
    """Strategies that were asked for and do not run on a machine."""

    model_config = LENIENT

    machine: Words
    """The machine's name."""
    strategies: Annotated[list[Words], Field(strict=False)]
    """Their names."""
    reason: Words
    """Why they do not run there."""


class ResultFile(BaseModel):
    """All cells of a run, and where they come from."""

    model_config = LENIENT | ConfigDict(serialize_by_alias=True)

    schema_: Annotated[Literal[1], Field(alias="schema")]
    """1."""
    provenance: Provenance
    """How to compute the file again."""
    title: Words | None = None
    """The scenario's."""
    left_out: list[LeftOutEntry] = []
    """What was asked for and is not in the cells."""
    machine_remarks: dict[Words, list[str]] = {}
    """Machine name to the sentences that its numbers need beside them."""
    cells: Annotated[list[ResultCell], Field(min_length=1)]
    """One per machine, strategy, folio layout and number of CPUs, the baseline included."""

    @model_validator(mode="after")
    def _cells_agree(self) -> ResultFile:
        raise_problems("result file", self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        first = self.cells[0]
        seen: dict[Any, int] = {}
        for index, cell in enumerate(self.cells):
            for key in _COMMON:
                value, wanted = getattr(cell, key), getattr(first, key)
                if value != wanted:
                    yield ("cells", index, key), f"must be that of cells[0], {wanted!r}", value
            before = seen.setdefault(cell.key, index)
            if before != index:
                reason = f"the same machine, layout, CPUs and strategy as cells[{before}]"
                yield ("cells", index), reason, cell.strategy
            if bool(cell.seconds.run_means) != self.provenance.noise:
                reason = "must be empty without noise, else one number per run"
                at = ("cells", index, "seconds", "run_means")
                yield at, reason, len(cell.seconds.run_means)
        yield from self._change_problems()

    def _change_problems(self) -> Iterator[Problem]:
        """Yield cells without their baseline, and changes that are not those of the times."""
        baselines = {cell.place: cell for cell in self.cells if cell.is_baseline}
        for index, cell in enumerate(self.cells):
            baseline = baselines.get(cell.place)
            if baseline is None:
                yield ("cells", index, "baseline"), "has no cell of this place", cell.baseline
                continue
            ratio = cell.seconds.mean / (cell.baseline_seconds or baseline.seconds.mean)
            if not isclose(1 + cell.change_pct.mean / 100, ratio, rel_tol=1e-6):
                reason = f"must be that of the times, {100 * (ratio - 1):.6g}"
                yield ("cells", index, "change_pct", "mean"), reason, cell.change_pct.mean

    def data(self) -> dict[str, Any]:
        """Return the file as plain data; keys that were not given are not in it."""
        return self.model_dump(mode="json", exclude_unset=True)

    @property
    def first(self) -> ResultCell:
        """A cell that has what all have in common."""
        return self.cells[0]

    @property
    def baseline(self) -> str:
        """The strategy that the others are compared with."""
        return self.first.baseline

    @property
    def version(self) -> str:
        """Of costmodel, which made the file."""
        return self.provenance.version

    @property
    def case(self) -> str:
        """``fork of 1 GiB (writable)``, with what is not default for all cells."""
        cell = self.first
        words = ", ".join((cell.state, *self.common_settings))
        return f"{cell.operation} of {size_text(cell.memory_bytes)} ({words})"

    @property
    def common_settings(self) -> tuple[str, ...]:
        """What is not default for all cells."""
        others = [cell.said for cell in self.cells]
        return tuple(text for text in self.first.said if all(text in other for other in others))

    @property
    def workload_text(self) -> str:
        """``fork, 1 GiB, writable``, with what of the workload is not default."""
        cell, common = self.first, self.common_settings
        settings = [text for text in cell.workload_settings if text in common]
        if cell.frames != "contiguous":
            frames = f"{cell.frames} frames"
            settings = [frames, *(text for text in settings if text != frames)]
        return ", ".join([cell.operation, size_text(cell.memory_bytes), cell.state, *settings])

    def machine_title(self, machine: str) -> str:
        """Return ``ampere-altra (tlbi.range=true)``: a machine and what is not default on it."""
        cells = (cell for cell in self.cells if cell.machine == machine)
        said = unique(text for cell in cells for text in cell.machine_settings)
        own = [text for text in said if text not in self.common_settings]
        return f"{machine} ({', '.join(own)})" if own else machine

    @property
    def origin(self) -> str:
        """How the numbers were made: protocol, seed and model version."""
        cell, made = self.first, self.provenance
        how = f"{cell.runs} runs x {cell.iterations} iterations, seed {made.seed}"
        return f"{how if made.noise else 'without noise'}, costmodel {made.version}"

    @property
    def machines(self) -> tuple[str, ...]:
        """The machines, in order."""
        return unique(cell.machine for cell in self.cells)

    @property
    def columns(self) -> tuple[str, ...]:
        """The folio layouts with their numbers of CPUs, in order."""
        return unique(cell.column for cell in self.cells)

    @property
    def strategies(self) -> tuple[str, ...]:
        """The strategies, the baseline first."""
        return unique(cell.strategy for cell in self.cells)

    @property
    def verdicts(self) -> tuple[str, ...]:
        """The remarks on strategies, each once."""
        return unique(remark for cell in self.cells for remark in cell.remarks)

    @property
    def notes(self) -> tuple[str, ...]:
        """The same as notes below a table: what a star stands for."""
        return tuple(f"* {verdict}" for verdict in self.verdicts)

    def panel(self, machine: str, column: str) -> tuple[ResultCell, ...]:
        """Return the cells of one machine, and of one layout on so many CPUs."""
        return tuple(cell for cell in self.cells if cell.place == (machine, column))

    def only(
        self,
        *,
        machines: Iterable[str] = (),
        strategies: Iterable[str] = (),
        orders: Iterable[str] = (),
    ) -> ResultFile:
        """Return the cells that are named; nothing named keeps all. The baseline always stays.

        Raises ConfigError for a name that is not in the file.
        """
        chosen = self
        for option, names, of in (
            ("--machine", list(machines), lambda cell: cell.machine),
            ("--strategy", list(strategies), lambda cell: cell.strategy),
            ("--order", list(orders), lambda cell: str(cell.order)),
        ):
            if names:
                chosen = chosen._named(option, names, of)
        return chosen

    def _named(self, option: str, names: list[str], of: Callable[[ResultCell], str]) -> ResultFile:
        known = unique(of(cell) for cell in self.cells)
        for name in names:
            if name not in known:
                reason = f"not in these results, which have {', '.join(known)}"
                raise ConfigError.of(option, reason, got=name)
        keeps_baseline = option == "--strategy"
        kept = [c for c in self.cells if of(c) in names or (keeps_baseline and c.is_baseline)]
        return self.model_copy(update={"cells": kept})


def unique(items: Iterable[str]) -> tuple[str, ...]:
    """Return the items without repetitions, in order."""
    return tuple(dict.fromkeys(items))


def column_title(column: str) -> str:
    """Return ``order-9 (2 MiB), 8 CPUs`` for ``order-9, 8 CPUs``; a mix as it is."""
    layout, comma, crowd = column.partition(", ")
    order = layout.removeprefix("order-")
    if not order.isdigit():
        return column
    return f"{layout} ({size_text(PAGE_BYTES << int(order))}){comma}{crowd}"
