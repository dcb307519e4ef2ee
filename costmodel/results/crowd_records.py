"""The part of a result file about several CPUs: what each of them does, and what they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from costmodel.units import PS_PER_NS

if TYPE_CHECKING:
    from costmodel.experiment import Result

_Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class SharedRecord(BaseModel):
    """How a shared thing is used; of several of one kind, the busiest counts."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    waiting_ns: float
    """Time that it costs one operation beyond that of a lone CPU, transfers of cache lines
    included."""
    queue: _Amount
    """Number of CPUs that wait for it, on average."""
    utilisation: _Amount
    """Share of the time in which it is in use."""
    visits_per_operation: _Amount
    """How often one operation uses it."""


class CrowdRecord(BaseModel):
    """Several CPUs at work, without noise."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    processes: Annotated[int, Field(ge=1)]
    """Number of processes, each with its own address space."""
    threads: Annotated[int, Field(ge=1)]
    """Number of threads of each process."""
    others: str
    """What all threads but the first do."""
    placement: str
    """Whether threads ran on other CPUs before."""
    sockets: str
    """How the CPUs in use are spread over the sockets."""
    folios: str
    """Whether the processes map folios of their own or the same ones."""
    between_us: _Amount
    """Time that each CPU spends on its own between two operations."""
    between_stdev_pct: _Amount = 0.0
    """Standard deviation of that time, in percent of it."""
    unshared: list[str]
    """Things that CPUs share in reality and each has for itself here."""
    workers: Annotated[int, Field(ge=1)]
    """Number of CPUs that execute the operation."""
    alone_ns: _Amount
    """Time of the operation on a CPU that waits for no other, with its share of the cache."""
    throughput_per_s: _Amount
    """Operations that all CPUs finish in a second."""
    speedup: _Amount
    """``throughput_per_s`` divided by the throughput of one CPU that has the machine to itself."""
    shared: dict[str, SharedRecord]
    """Name of each shared thing to how it is used."""


def crowd_data(result: Result) -> dict[str, Any] | None:
    """Return a result's record of several CPUs as plain data; None for a lone CPU."""
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
