"""Several CPUs at once, as scenarios and workloads say it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from costmodel.config.errors import unknown
from costmodel.config.schema import STRICT, no_repeats, problem, raise_problems
from costmodel.config.sharing import SHARED


def _known_shared(name: str) -> str:
    """Refuse a name of what CPUs do not share."""
    if name not in SHARED:
        raise problem(unknown("shared thing", name, SHARED))
    return name


def _as_list(value: object) -> object:
    """Accept names in one word, with commas between them, where a list may stand."""
    if isinstance(value, str):
        return [name.strip() for name in value.split(",")]
    return value


def _no_repeats(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a name that stands in the list twice; the order means nothing."""
    raise_problems("unshared", no_repeats(names))
    return tuple(sorted(names))


CpuCount = Annotated[int, Field(ge=1, le=4096)]
Microseconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False, strict=False)]
Unshared = Annotated[
    tuple[Annotated[str, AfterValidator(_known_shared)], ...],
    BeforeValidator(_as_list),
    Field(strict=False),
    AfterValidator(_no_repeats),
]


class Crowd(BaseModel):
    """Which CPUs are at work, and what each of them does; by default one alone."""

    model_config = STRICT

    cpus: CpuCount = 1
    """Processes that do the same at the same time, each on CPUs of its own."""
    threads: CpuCount = 1
    """Threads of each address space, each on a CPU of its own."""
    others: Literal["same", "busy", "idle"] = "same"
    """What all threads but the first do: the same operation on memory of their own, run user code
    (busy), or sleep (idle)."""
    placement: Literal["pinned", "moving"] = "pinned"
    """Threads stay on their CPU, or were on another one before (moving)."""
    sockets: Literal["fill", "spread"] = "fill"
    """Which CPUs are in use: those of one socket first (fill), or of all in turn (spread)."""
    folios: Literal["own", "shared"] = "own"
    """Whether the processes map folios of their own, or all of them the same (children of one
    parent)."""
    between_us: Microseconds = 0.0
    """What each CPU does on its own between two operations: user code, and faulting in what was
    unmapped. It is part of the throughput, not of the operation's time."""
    unshared: Unshared = ()
    """What CPUs share in reality and each has for itself here, to see what it costs."""

    @property
    def cpus_in_use(self) -> int:
        """CPUs that do anything or sleep: one for each thread of each process."""
        return self.cpus * self.threads
