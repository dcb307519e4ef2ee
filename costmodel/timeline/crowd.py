"""Several CPUs as Chrome trace JSON for ui.perfetto.dev: one track per CPU, which shows when it
works and what it waits for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from costmodel import __version__
from costmodel.config.errors import ConfigError
from costmodel.cpus.contention import recorded
from costmodel.experiment.pace import crowd_of
from costmodel.units import PS_PER_US

if TYPE_CHECKING:
    from costmodel.cpus.setup import Setup
    from costmodel.experiment import Cell

OPERATIONS = 2
"""Operations of the first CPU that the timeline covers."""


@dataclass(frozen=True)
class Slice:
    """What one CPU does from ``start_ps`` to ``end_ps``, in picoseconds since the start."""

    cpu: int
    name: str
    start_ps: int
    end_ps: int


def crowd_slices(cell: Cell) -> list[Slice]:
    """Return what the CPUs of a cell do during the first ``OPERATIONS`` operations of CPU 0.

    Raises ConfigError for a scenario with a single CPU, which shares nothing with others.
    """
    setup = crowd_of(cell)
    if setup is None:
        raise ConfigError.of("--format", "cpus needs several of them: --set cpus=N or threads=N")
    return slices_of(setup)


def slices_of(setup: Setup) -> list[Slice]:
    """Return the same as :func:`crowd_slices` for CPUs that are set up already."""
    found: list[Slice] = []

    def record(cpu: int, name: str, start_ps: int, end_ps: int) -> None:
        found.append(Slice(cpu, name, start_ps, end_ps))

    recorded(setup, record, operations=OPERATIONS)
    return found


def crowd_perfetto(slices: list[Slice], *, name: str) -> str:
    """Return the trace as text; ``name`` is shown as that of the process."""
    lines = ",\n".join(json.dumps(event) for event in [*_names(slices, name), *_events(slices)])
    other = json.dumps({"version": f"costmodel {__version__}"})
    return f'{{"displayTimeUnit": "ns",\n"otherData": {other},\n"traceEvents": [\n{lines}\n]}}\n'


def _names(slices: list[Slice], name: str) -> Iterator[dict[str, Any]]:
    yield _meta("process_name", 0, {"name": name})
    for cpu in sorted({each.cpu for each in slices}):
        yield _meta("thread_name", cpu, {"name": f"CPU {cpu}"})
        yield _meta("thread_sort_index", cpu, {"sort_index": cpu})


def _meta(kind: str, cpu: int, args: dict[str, Any]) -> dict[str, Any]:
    return {"ph": "M", "name": kind, "pid": 1, "tid": cpu + 1, "ts": 0, "args": args}


def _events(slices: list[Slice]) -> Iterator[dict[str, Any]]:
    for each in slices:
        yield {
            "ph": "X",
            "name": each.name,
            "cat": "work" if each.name == "works" else "shared",
            "pid": 1,
            "tid": each.cpu + 1,
            "ts": each.start_ps / PS_PER_US,
            "dur": (each.end_ps - each.start_ps) / PS_PER_US,
        }
