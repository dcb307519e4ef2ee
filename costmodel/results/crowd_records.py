"""The part of a result file that is about several CPUs: who does what, and what they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from costmodel.units import PS_PER_NS

if TYPE_CHECKING:
    from costmodel.experiment import Result

_Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class SharedRecord(BaseModel):
    """How one shared thing is used; of several of a kind, the busiest counts."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    waiting_ns: float
    """What it costs one operation beyond the price of a lone CPU, transfers of lines included."""
    queue: _Amount
    """CPUs that wait for it, on average."""
    utilisation: _Amount
    """Share of the time in which it is in use."""
    visits_per_operation: _Amount
    """How often an operation goes there."""


class CrowdRecord(BaseModel):
    """Several CPUs at work, without noise."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    processes: Annotated[int, Field(ge=1)]
    """Processes, each in its own address space."""
    threads: Annotated[int, Field(ge=1)]
    """Threads of each address space."""
    others: str
    """What all threads but the first do."""
    placement: str
    """Whether threads were on other CPUs before."""
    sockets: str
    """How the CPUs in use lie on the sockets."""
    folios: str
    """Whether the processes map the same folios."""
    between_us: _Amount
    """What each CPU does between two operations."""
    between_stdev_pct: _Amount = 0.0
    """Standard deviation of that, in percent of it."""
    unshared: list[str]
    """What each CPU has for itself here."""
    workers: Annotated[int, Field(ge=1)]
    """CPUs that execute the operation."""
    alone_ns: _Amount
    """Time of the operation on a CPU that meets nobody, with its share of the cache."""
    throughput_per_s: _Amount
    """Operations of all CPUs in a second."""
    speedup: _Amount
    """That over the throughput of one CPU that meets nobody."""
    shared: dict[str, SharedRecord]
    """Shared thing to how it is used."""


def crowd_data(result: Result) -> dict[str, Any] | None:
    """Return the record of a result as plain data; None for a lone CPU."""
    found, workload = result.contention, result.cell.workload
    if found is None:
        return None
    return {
        "processes": workload.cpus,
        "threads": workload.threads,
        "others": workload.others,
        "placement": workload.placement,
        "sockets": workload.sockets,
        "folios": workload.folios,
        "between_us": workload.between_us,
        "between_stdev_pct": workload.between_stdev_pct,
        "unshared": list(workload.unshared),
        "workers": found.workers,
        "alone_ns": found.alone_ps / PS_PER_NS,
        "throughput_per_s": found.throughput_per_s,
        "speedup": found.speedup,
        "shared": {name: vars(use) for name, use in found.shared.items()},
    }
