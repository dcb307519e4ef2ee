"""The keys of scenarios and workloads about several CPUs at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from costmodel.config.errors import unknown
from costmodel.config.schema import STRICT, Problem, no_repeats, problem, raise_problems
from costmodel.config.sharing import SHARED


def _known_shared(name: str) -> str:
    """Return ``name``; raise a problem where it names nothing that CPUs share."""
    if name not in SHARED:
        raise problem(unknown("shared thing", name, SHARED))
    return name


def _as_list(value: object) -> object:
    """Return a text of names with commas between them as a list; anything else as it is."""
    if isinstance(value, str):
        return [name.strip() for name in value.split(",")]
    return value


def _no_repeats(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names sorted, as their order means nothing; raise a problem for repeated ones."""
    raise_problems("unshared", no_repeats(names))
    return tuple(sorted(names))


def _counts(value: object) -> tuple[object, ...]:
    """Return one count or several, ``[1, 8, 32]`` or ``1,8,32``, as a tuple."""
    if isinstance(value, str):
        words = [word.strip() for word in value.split(",")]
        value = [int(word) if word.isdecimal() else word for word in words]
    items = list(value) if isinstance(value, list | tuple) else [value]
    raise_problems("counts", _count_problems(items, is_list=len(items) > 1))
    return tuple(items)


def _count_problems(items: list[object], *, is_list: bool) -> Iterator[Problem]:
    if not items:
        yield (), "must not be empty", items
    for index, item in enumerate(items):
        at = (index,) if is_list else ()
        if isinstance(item, bool) or not isinstance(item, int):
            yield at, "must be an integer, or a list of them such as 1,8,32", item
        elif not 1 <= item <= MOST_CPUS:
            yield at, f"must be at {'least 1' if item < 1 else f'most {MOST_CPUS}'}", item
    yield from no_repeats(items)


MOST_CPUS = 4096
"""The most processes or threads that can be asked for."""
CpuCount = Annotated[int, Field(ge=1, le=MOST_CPUS)]
CpuCounts = Annotated[tuple[int, ...], BeforeValidator(_counts)]
Microseconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False, strict=False)]
StdevPercent = Annotated[float, Field(ge=0, le=300, allow_inf_nan=False, strict=False)]
Unshared = Annotated[
    tuple[Annotated[str, AfterValidator(_known_shared)], ...],
    BeforeValidator(_as_list),
    Field(strict=False),
    AfterValidator(_no_repeats),
]


def column_text(layout: str, cpus: int, threads: int) -> str:
    """Return the heading of a column: the folio layout, and the number of CPUs if above one.

    >>> column_text("order-4", 8, 1), column_text("order-0", 1, 1)
    ('order-4, 8 CPUs', 'order-0')
    """
    parts = [layout]
    parts += [f"{cpus} CPUs"] if cpus > 1 else []
    parts += [f"{threads} threads"] if threads > 1 else []
    return ", ".join(parts)


class CrowdWays(BaseModel):
    """What each of several CPUs does, however many there are."""

    model_config = STRICT

    others: Literal["same", "busy", "idle"] = "same"
    """What all threads but the first do: the same operation on memory of their own, run user code
    (busy), or sleep (idle)."""
    placement: Literal["pinned", "moving"] = "pinned"
    """Whether threads stay on their CPU (pinned), or ran on another one before (moving)."""
    sockets: Literal["fill", "spread"] = "fill"
    """Which CPUs are in use: those of one socket first (fill), or of all in turn (spread)."""
    folios: Literal["own", "shared"] = "own"
    """Whether the processes map folios of their own, or all of them the same (children of one
    parent)."""
    between_us: Microseconds = 0.0
    """What each CPU does on its own between two operations: user code, and faulting in what was
    unmapped. It is part of the throughput, not of the operation's time."""
    between_stdev_pct: StdevPercent = 0.0
    """By how much between_us varies: its standard deviation in percent of it. 0: always the same
    (a benchmark loop); 100: exponential, as for programs of all lengths (a build)."""
    loop: Annotated[str, Field(min_length=1)] | None = None
    """Name of the published benchmark loop that this question is about, with its between_us: what
    was measured of it is shown beside the answer."""
    unshared: Unshared = ()
    """Things that CPUs share in reality and each has for itself here, to see what sharing costs."""


class OneCount(BaseModel):
    """How many CPUs are at work."""

    model_config = STRICT

    cpus: CpuCount = 1
    """Processes that do the same at the same time, each on its own CPUs."""
    threads: CpuCount = 1
    """Threads of each address space, each on a CPU of its own."""


class Crowd(CrowdWays, OneCount):
    """Which CPUs are in use, and what each of them does; by default a lone CPU."""

    @property
    def cpus_in_use(self) -> int:
        """The number of CPUs that work or sleep: one for each thread of each process."""
        return self.cpus * self.threads

    @property
    def many_cpus(self) -> bool:
        """Whether there is anything to share: more than one CPU in use."""
        return self.cpus_in_use > 1


class SeveralCounts(BaseModel):
    """How many CPUs are at work: one number or several, each for one column of answers."""

    model_config = STRICT

    cpus: CpuCounts = (1,)
    """Processes that do the same at the same time, each on CPUs of its own: a number, or several
    such as [1, 8, 32], each a column of the table."""
    threads: CpuCounts = (1,)
    """Threads of each address space, each on a CPU of its own: a number or several."""
