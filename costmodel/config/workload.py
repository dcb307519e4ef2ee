"""A workload: an address space, the operation on it, and the CPUs that do it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from costmodel.config.crowd import Crowd, column_text
from costmodel.config.frames import ALIGNED, CONTIGUOUS, Frames
from costmodel.config.schema import STRICT, Problem, problem, raise_problems
from costmodel.config.sizes import Size, size_text
from costmodel.config.sizes import part as part_of
from costmodel.config.sizes import share as share_of
from costmodel.config.terms import meaning_of
from costmodel.operations.registry import operation_named, operation_names
from costmodel.units import LARGEST_ORDER, PAGE_BYTES

ORDERS = (0, *range(2, LARGEST_ORDER + 1))
"""Orders of folios of anonymous memory. There is no order 1, because the kernel needs the third
struct page of a large folio to split it (``THP_ORDERS_ALL_ANON``)."""

_ORDERS = f"0 or 2 to {LARGEST_ORDER}"

_SHARES_SUM_TO = 1e-6


def _meaning(name: str) -> str:
    meaning = meaning_of(name)
    return "" if meaning is None else f"; {meaning}"


def _known_operation(name: str) -> str:
    """Return ``name``; raise a problem where it names no operation."""
    names = operation_names()
    if name not in names:
        raise problem(f"must be {' or '.join(map(repr, names))}{_meaning(name)}")
    return name


def _whole_pages(value: int) -> int:
    """Return a number of bytes; raise a problem where it is no multiple of the page size."""
    if value % PAGE_BYTES:
        raise problem(f"must be a multiple of the page size, {PAGE_BYTES} bytes")
    return value


def _layout(value: object) -> dict[int, float]:
    """Return an order as ``{order: 1.0}``, and a mix such as ``{0: 50%, 4: 50%}`` as shares."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = {value: 1.0}
    if not isinstance(value, dict) or not value:
        raise problem(f"must be an order, {_ORDERS}, or a mix such as {{0: 50%, 4: 50%}}")
    shares = {order: share_of(share) for order, share in value.items()}
    raise_problems("layout", _layout_problems(value, shares))
    return {order: share for order, share in sorted(shares.items()) if share is not None}


def _layout_problems(
    given: Mapping[Any, object], shares: Mapping[Any, float | None]
) -> Iterator[Problem]:
    for order, share in shares.items():
        if order == 1 and not isinstance(order, bool):
            at = () if len(given) == 1 else (order,)
            yield at, "anonymous memory has no folios of order 1", order
        elif not isinstance(order, int) or not 0 <= order <= LARGEST_ORDER:
            at = () if len(given) == 1 else (order,)
            yield at, f"an order must be {_ORDERS}", order
        if share is None:
            yield (
                (order,),
                "must be a share such as 50%, more than 0 and at most 100%",
                given[order],
            )
    total = sum(share for share in shares.values() if share is not None)
    if None not in shares.values() and abs(total - 1) > _SHARES_SUM_TO:
        yield (), "the shares of a mix must sum to 100%", f"{100 * total:g}%"


OperationName = Annotated[str, AfterValidator(_known_operation)]
"""The name of an operation that :mod:`costmodel.operations.registry` knows."""
MemoryBytes = Annotated[Size, AfterValidator(_whole_pages), Field(ge=PAGE_BYTES, le=2**44)]
VmaCount = Annotated[int, Field(ge=1, le=2**24)]
Layout = Annotated[dict[int, float], BeforeValidator(_layout)]
"""Folio order to its share of the memory; shares sum to 1."""
MappedBy = Literal["pte", "pmd"]
"""What maps folios of 2 MiB: a table full of entries, or one entry of the level above."""


def _holes(value: object) -> float:
    """Return ``75%`` or 0.75 as 0.75; raise a problem for what is no share below 100 %."""
    found = part_of(value)
    if found is None or found >= 1:
        raise problem("must be a share such as 75%, at least 0 and less than 100%")
    return found


Holes = Annotated[float, BeforeValidator(_holes)]
"""The share of a mapping, from 0 to less than 1, that was never touched."""


class Mapped(BaseModel):
    """An address space and what is done to it."""

    model_config = STRICT

    operation: OperationName
    """What the kernel does."""
    memory_bytes: MemoryBytes
    """Size of the mapping, in whole pages."""
    folio_orders: Layout
    """Folio order to its share of the memory."""
    frames: Frames = CONTIGUOUS
    """How the folios lie in physical memory: one behind the other, anywhere, or a part of them
    anywhere (see :mod:`costmodel.config.frames`)."""
    frames_over: MemoryBytes | None = None
    """Size of the physical memory that scattered folios lie in; None: as large as what is
    present."""
    state: str
    """How the operation finds the PTEs (fork), or which call unmaps them (zap)."""
    mapped: MappedBy = "pte"
    """What maps folios of order 9: PTEs, or one PMD for each."""
    holes: Holes = 0.0
    """Share of the mapping that was never touched."""
    vmas: VmaCount | None = None
    """Number of the process's mappings, for fork and spawn; None: about 20, as a small program
    has."""
    contpte: bool | None = None
    """True: only strategies whose kernels use the contiguous bit; False: only others; None: all."""


class Workload(Crowd, Mapped):
    """One address space under one operation, and the CPUs that do it: what a strategy is run on."""

    @model_validator(mode="after")
    def _fits_together(self) -> Workload:
        raise_problems("workload", state_problems(self.operation, self.state))
        there = present_bytes(self.memory_bytes, self.holes)
        raise_problems("workload", span_problems(there, self.frames, self.frames_over))
        raise_problems("workload", vma_problems(self.operation, self.vmas))
        raise_problems("workload", pmd_problems(self.operation, self.mapped, self.state))
        return self

    def __hash__(self) -> int:
        """Return a hash, so that results can be cached per workload."""
        orders = tuple(self.folio_orders.items())
        frames = self.frames, self.frames_over
        how = self.state, self.vmas, self.mapped, self.holes
        return hash((self.operation, self.memory_bytes, orders, *frames, *how))

    @property
    def pages(self) -> int:
        """The number of 4 KiB pages, and so of PTEs, of the mapping."""
        return self.memory_bytes // PAGE_BYTES

    @property
    def touched_pages(self) -> int:
        """The number of pages of the mapping that are there."""
        return present_bytes(self.memory_bytes, self.holes) // PAGE_BYTES

    @property
    def folio_order(self) -> int | None:
        """The order of all folios (a folio of order n has 2**n pages); None for a mix of orders."""
        return next(iter(self.folio_orders)) if len(self.folio_orders) == 1 else None

    @property
    def layout(self) -> str:
        """The folio orders as a table shows them: ``order-9``, ``0: 50%, 4: 50%``."""
        if self.folio_order is not None:
            return f"order-{self.folio_order}"
        return ", ".join(f"{order}: {100 * s:g}%" for order, s in self.folio_orders.items())

    @property
    def maps_pmds(self) -> bool:
        """Whether a PMD maps anything: folios of order 9, if there are some."""
        return self.mapped == "pmd" and self.folio_orders.get(LARGEST_ORDER, 0.0) > 0

    @property
    def column(self) -> str:
        """The heading of its column in a table."""
        return column_text(self.layout, self.cpus, self.threads)


def states_of(operation: str) -> tuple[str, ...]:
    """Return the names of the states in which an operation can find page tables.

    The first one is the default. Raises KeyError for an unknown operation.
    """
    return tuple(state.name for state in operation_named(operation).words.states)


def frames_of(operation: str) -> str:
    """Return how folios lie by default for an operation, as a value of ``frames``.

    Raises KeyError for an unknown operation.
    """
    return operation_named(operation).words.frames


def state_problems(operation: str, state: str | None) -> Iterator[Problem]:
    """Yield a problem if an operation does not have a state; None stands for the default."""
    if state is None:
        return
    try:
        operation_named(operation).state(state)
    except ValueError as error:
        yield ("state",), str(error), state
    except KeyError:
        fitting = " or ".join(map(repr, states_of(operation)))
        yield ("state",), f"must be {fitting} for {operation}{_meaning(state)}", state


def present_bytes(memory_bytes: int, holes: float) -> int:
    """Return the bytes of a mapping that are present, in whole pages, where a share is holes."""
    return max(round(memory_bytes / PAGE_BYTES * (1 - holes)), 1) * PAGE_BYTES


def vma_problems(operation: str, vmas: int | None) -> Iterator[Problem]:
    """Yield a problem if a number of mappings is given and the operation does not depend on it."""
    if vmas is not None and not operation_named(operation).words.has_vmas:
        having = [name for name in operation_names() if operation_named(name).words.has_vmas]
        where = f"{' and '.join(having)} (whose exits take mappings apart)"
        yield ("vmas",), f"has a meaning for {where}, not for {operation}", vmas


def pmd_problems(operation: str, mapped: str, state: str | None) -> Iterator[Problem]:
    """Yield a problem if an operation in a state was not recorded with folios that PMDs map."""
    if mapped != "pmd":
        return
    known = [name for name in operation_names() if operation_named(name).maps_pmds(None)]
    if operation not in known:
        yield ("mapped",), f"'pmd' was recorded of {', '.join(known)}, not of {operation}", mapped
    elif state is not None and not operation_named(operation).maps_pmds(state):
        why = f"'pmd' has no meaning here: {state} splits PMDs, or none was recorded"
        yield ("mapped",), why, mapped


def noise_scenario(workload: Workload) -> str:
    """Return the name of the random stream from which a workload draws its noise.

    All strategies of a workload must meet the same noise, so that they are compared in pairs. So
    the name holds neither ``contpte``, which the strategy decides, nor ``unshared``.
    """
    orders = ",".join(f"{order}:{share:g}" for order, share in workload.folio_orders.items())
    over = f" over {workload.frames_over}" if workload.frames_over else ""
    vmas = f" {workload.vmas} VMAs" if workload.vmas else ""
    vmas += " by PMDs" if workload.mapped == "pmd" else ""
    vmas += f" {workload.holes:g} holes" if workload.holes else ""
    name = (
        f"{workload.operation} {workload.memory_bytes} {orders} {workload.frames}{over} "
        f"{workload.state} {workload.cpus}{vmas}"
    )
    if workload.threads == 1 and not workload.between_us:
        return name
    varies = f"+-{workload.between_stdev_pct:g}" if workload.between_stdev_pct else ""
    return f"{name} {workload.threads} {workload.others} {workload.between_us:g}{varies}"


def span_problems(
    memory_bytes: int, frames: str, over_bytes: int | None, key: str = "frames_over"
) -> Iterator[Problem]:
    """Yield a problem if ``over_bytes`` is less than what is present, or frames are not scattered.

    ``memory_bytes`` is the size of what is present. ``key`` is the name of the number in the file.
    """
    if over_bytes is None:
        return
    if frames in (CONTIGUOUS, ALIGNED):
        yield (key,), f"has no meaning where frames are {frames}", size_text(over_bytes)
    elif over_bytes < memory_bytes:
        reason = f"must be at least the size of what is present, {size_text(memory_bytes)}"
        yield (key,), reason, size_text(over_bytes)
