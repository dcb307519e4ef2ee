"""Loads ``loops.yaml``: published throughputs of benchmark loops on several CPUs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from costmodel.config.yaml_text import shipped

_STRICT = ConfigDict(frozen=True, extra="forbid")


class ThroughputRow(BaseModel):
    """One published number of a loop on ``cpus`` processes of ``threads`` threads each.

    ``metric`` is the unit of ``mean``: ``per_s`` is the number of loops that all CPUs finish in a
    second; ``throughput_pct`` is the change of that, and ``rel_pct`` the change of the time of the
    operation alone, both in percent against ``baseline`` on as many CPUs. ``numbers`` are those
    that differ from the machine's file, by dotted key. ``strategy`` is None for a row that no
    strategy of this package stands for; ``unmapped`` then says why.
    """

    model_config = _STRICT

    id: str
    """Table and number in it, such as ``T01/2``."""
    loop: str
    source: str
    message_ids: tuple[str, ...]
    machine: str
    numbers: Mapping[str, bool | float]
    cpus: Annotated[int, Field(ge=1)] = 1
    threads: Annotated[int, Field(ge=1)] = 1
    strategy: str | None
    baseline: str | None = None
    metric: Literal["per_s", "throughput_pct", "rel_pct"]
    mean: float
    variant: str = ""
    """The row's label as published."""
    unmapped: str | None = None

    @model_validator(mode="after")
    def _stands_for_something(self) -> ThroughputRow:
        if (self.strategy is None) == (self.unmapped is None):
            raise ValueError(f"'{self.id}' must have a strategy or a reason")
        if self.strategy and (self.metric == "per_s") != (self.baseline is None):
            raise ValueError(f"'{self.id}' must have a baseline unless it is in loops per second")
        return self

    @property
    def citation(self) -> str:
        """The source with its message ids, for a reader who wants to look it up."""
        return f"{self.source}{''.join(f' <{message_id}>' for message_id in self.message_ids)}"


@cache
def loop_rows() -> tuple[ThroughputRow, ...]:
    """Return every row of every loop, in the order of the file."""
    listed = shipped("costmodel.published", "loops.yaml")["loops"]
    return tuple(row for raw in listed for row in _rows(raw))


def loop_names() -> tuple[str, ...]:
    """Return the names of the loops."""
    return tuple(dict.fromkeys(row.loop for row in loop_rows()))


def matching_loop(
    *,
    loop: str,
    machine: str,
    numbers: Mapping[str, object],
    cpus: int,
    threads: int,
    strategy: str,
    baseline: str | None,
) -> tuple[ThroughputRow, ...]:
    """Return the rows of one cell; ``numbers`` are those that differ from the machine's file."""
    wanted = (loop, machine, dict(numbers), cpus, threads, strategy)
    return tuple(
        row
        for row in loop_rows()
        if (row.loop, row.machine, dict(row.numbers), row.cpus, row.threads, row.strategy) == wanted
        and row.baseline in (None, baseline)
    )


def _rows(raw: Mapping[str, Any]) -> tuple[ThroughputRow, ...]:
    """Return the rows of one table, each with the fields that all rows of the table share."""
    kept = ("loop", "source", "message_ids", "machine", "numbers", "strategy", "baseline")
    common = {"numbers": {}} | {key: raw[key] for key in kept if key in raw}
    found = []
    for number, row in enumerate(raw["rows"], start=1):
        whole = common | row | {"id": f"{raw['table']}/{number}"}
        if whole.get("strategy") is None:
            whole |= {"unmapped": raw["unmapped"]}
        found.append(ThroughputRow.model_validate(whole))
    return tuple(found)
