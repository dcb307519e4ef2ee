"""The result file (schema 1): the model that is written, read, compared and drawn.

docs/result-json.md describes the keys; docs/result.schema.json is generated from the models here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from math import isclose
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from costmodel.config.errors import ConfigError
from costmodel.config.frames import frames_text
from costmodel.config.schema import Problem, raise_problems
from costmodel.config.sizes import size_text
from costmodel.results.field_types import LENIENT, Words
from costmodel.results.records import ResultCell
from costmodel.units import PAGE_BYTES

SCHEMA: Final = 1

_COMMON: Final = (
    "operation", "memory_bytes", "frames", "frames_over_bytes", "mapped", "holes", "vmas", "state",
    "contpte", "baseline", "runs", "iterations",
)  # fmt: skip
"""Keys that are equal in all cells of a file, because a scenario has one value for each."""


_HEADLINE = 48
"""Characters of the question that the title of a picture has room for."""


class Provenance(BaseModel):
    """What is needed to compute a file again."""

    model_config = LENIENT

    version: Words
    """The version of costmodel."""
    created: Words | None = None
    """When the file was made: UTC, ISO 8601."""
    command: list[str] | None = None
    """The words of the command, without options that change no number."""
    scenario: dict[str, Any] | None = None
    """The scenario as it was run: the content of its file with defaults and options applied."""
    seed: int
    """The seed of all random streams."""
    noise: bool
    """Whether noise was simulated; false with ``--no-noise``."""
    engine: Literal["fast", "reference"] | None = None
    """The compiled model (fast), or the slow one that it is tested against."""
    machine_sha256: dict[str, str] | None = None
    """Machine name to the SHA-256 of its file."""
    overrides: list[str] | None = None
    """Overrides as ``KEY=VALUE``, in the order in which they were applied."""
    python: str | None = None
    """The version of Python."""
    packages: dict[str, str | None] | None = None
    """The versions of packages that could change a number."""


class LeftOutEntry(BaseModel):
    """Strategies that were asked for and cannot run on a machine."""

    model_config = LENIENT

    machine: Words
    """The machine's name."""
    strategies: Annotated[list[Words], Field(strict=False)]
    """The names of the strategies."""
    reason: Words
    """Why they cannot run there."""


class ResultFile(BaseModel):
    """All cells of a run, and how they were made."""

    model_config = LENIENT | ConfigDict(serialize_by_alias=True)

    schema_: Annotated[Literal[1], Field(alias="schema")]
    """The version of this format, 1."""
    provenance: Provenance
    """What is needed to compute the file again."""
    title: Words | None = None
    """The title of the scenario."""
    left_out: list[LeftOutEntry] = []
    """What was asked for and is not in the cells."""
    machine_remarks: dict[Words, list[str]] = {}
    """Machine name to the sentences that must stand beside its numbers."""
    cells: Annotated[list[ResultCell], Field(min_length=1)]
    """One for each machine, strategy, folio layout and number of CPUs; the baseline is among
    them."""

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
        """Yield a problem for each cell without its baseline, and each change that is not correct.

        A change must be that of the two times.
        """
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
        """Return the content of the file as plain data, without keys that were not given."""
        return self.model_dump(mode="json", exclude_unset=True)

    @property
    def first(self) -> ResultCell:
        """The first cell, for what all cells have in common."""
        return self.cells[0]

    @property
    def baseline(self) -> str:
        """The strategy that the others are compared with."""
        return self.first.baseline

    @property
    def version(self) -> str:
        """The version of costmodel that made the file."""
        return self.provenance.version

    @property
    def case(self) -> str:
        """The question in words, ``fork of 1 GiB (writable)``, with all settings of all cells."""
        cell = self.first
        words = ", ".join((cell.state, *self.common_settings))
        return f"{cell.operation} of {size_text(cell.memory_bytes)} ({words})"

    @property
    def headline(self) -> str:
        """The question as the title of a picture: settings that are too many are in its notes."""
        cell = self.first
        whole = self.case
        bare = f"{cell.operation} of {size_text(cell.memory_bytes)} ({cell.state})"
        return whole if len(whole) <= _HEADLINE else bare

    @property
    def picture_notes(self) -> tuple[str, ...]:
        """The notes below the title of a picture: what the headline has no room for, and remarks on
        strategies.
        """
        settings = () if self.headline == self.case else self.common_settings
        return (*([f"With {', '.join(settings)}."] if settings else ()), *self.notes)

    @property
    def common_settings(self) -> tuple[str, ...]:
        """The settings, in words, that differ from the default in all cells."""
        others = [cell.said for cell in self.cells]
        return tuple(text for text in self.first.said if all(text in other for other in others))

    @property
    def workload_text(self) -> str:
        """The workload in words, ``fork, 1 GiB, writable``, with what is not default in it."""
        cell, common = self.first, self.common_settings
        settings = [text for text in cell.workload_settings if text in common]
        if cell.frames != "contiguous":
            frames = frames_text(cell.frames)
            settings = [frames, *(text for text in settings if text != frames)]
        return ", ".join([cell.operation, size_text(cell.memory_bytes), cell.state, *settings])

    def machine_title(self, machine: str) -> str:
        """Return a machine with what is not default on it: ``ampere-altra (tlbi.range=true)``."""
        cells = (cell for cell in self.cells if cell.machine == machine)
        said = unique(text for cell in cells for text in cell.machine_settings)
        own = [text for text in said if text not in self.common_settings]
        return f"{machine} ({', '.join(own)})" if own else machine

    @property
    def origin(self) -> str:
        """How the numbers were made, in words: repetitions, seed and version of the model."""
        cell, made = self.first, self.provenance
        how = f"{cell.runs} runs x {cell.iterations} iterations, seed {made.seed}"
        return f"{how if made.noise else 'without noise'}, costmodel {made.version}"

    @property
    def machines(self) -> tuple[str, ...]:
        """The names of the machines, in the order of the cells."""
        return unique(cell.machine for cell in self.cells)

    @property
    def columns(self) -> tuple[str, ...]:
        """The headings of folio layouts with numbers of CPUs, in the order of the cells."""
        return unique(cell.column for cell in self.cells)

    @property
    def strategies(self) -> tuple[str, ...]:
        """The names of the strategies, the baseline first."""
        return unique(cell.strategy for cell in self.cells)

    @property
    def verdicts(self) -> tuple[str, ...]:
        """The remarks on strategies, each once."""
        return unique(remark for cell in self.cells for remark in cell.remarks)

    @property
    def mixes_builds(self) -> bool:
        """Whether some times are of another build than those of the baseline's own rows.

        A cell that is compared across builds does not count: somebody named both.
        """
        own = {(c.machine, c.column): c.build for c in self.cells if c.is_baseline}
        return any(
            not c.is_across and c.build != own.get((c.machine, c.column)) for c in self.cells
        )

    def _not_of(self, build: str) -> str:
        """Return which strategies are left out because they were not recorded of a build."""
        left = (e.strategies for e in self.left_out if e.reason == f"not recorded of build {build}")
        names = list(dict.fromkeys(name for several in left for name in several))
        return f" (not recorded of it: {', '.join(names)})" if names else ""

    @property
    def builds_said(self) -> str:
        """The builds of the numbers for a subtitle, as ``, build gcc16``.

        Empty where builds were named for strategies, or are not in the file.
        """
        found = {(c.machine, c.build) for c in self.cells if c.build != c.strategy}
        builds = dict(sorted((machine, build or "") for machine, build in found))
        if not all(builds.values()):
            return ""
        if len(found) > len(builds):
            return ", each in its own build"
        if len(set(builds.values())) == 1:
            build = next(iter(builds.values()))
            return f", build {build}{self._not_of(build)}"
        return "".join(f", {machine}: build {build}" for machine, build in builds.items())

    @property
    def notes(self) -> tuple[str, ...]:
        """The remarks on strategies as notes below a table, where a star refers to them."""
        return tuple(f"* {verdict}" for verdict in self.verdicts)

    def panel(self, machine: str, column: str) -> tuple[ResultCell, ...]:
        """Return the cells of one machine and one of ``columns``."""
        return tuple(cell for cell in self.cells if cell.place == (machine, column))

    def only(
        self,
        *,
        machines: Iterable[str] = (),
        strategies: Iterable[str] = (),
        orders: Iterable[str] = (),
    ) -> ResultFile:
        """Return the file with only the cells of the given names; without names all are kept.

        ``orders`` are folio orders as text. The baseline is kept whatever strategies are named.
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
    """Return the items without repetitions, in the order of their first occurrence."""
    return tuple(dict.fromkeys(items))


def column_title(column: str) -> str:
    """Return the heading of a column with the size of its folios; a mix is returned as it is.

    >>> column_title("order-9, 8 CPUs")
    'order-9 (2 MiB), 8 CPUs'
    """
    layout, comma, crowd = column.partition(", ")
    order = layout.removeprefix("order-")
    if not order.isdigit():
        return column
    return f"{layout} ({size_text(PAGE_BYTES << int(order))}){comma}{crowd}"
