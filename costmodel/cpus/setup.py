"""What is simulated: the segments that every CPU executes, and which CPUs belong together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING

from costmodel.cpus.demand import demand
from costmodel.cpus.invalidation import ShootdownPrices
from costmodel.cpus.machine_in_use import machine_in_use
from costmodel.cpus.prices import Prices
from costmodel.cpus.segments import Segment, pieces_of, segments_for, segments_of
from costmodel.operations.registry import operation_named
from costmodel.simulation.schedule import Schedule, Stage
from costmodel.units import PS_PER_US

if TYPE_CHECKING:
    from costmodel.code.trace import TableRun
    from costmodel.config.machine import Machine
    from costmodel.config.workload import Workload
    from costmodel.simulation.schedule import PricedOperation


@dataclass(frozen=True)
class Setup:
    """Everything that a simulation of several CPUs needs to know; times are picoseconds.

    ``workers`` are the CPUs that execute the operation, the first of them number 0. ``alone_ps``
    is the operation on a CPU that meets nobody, ``between_ps`` the work until the next one.
    """

    workload: Workload
    prices: Prices
    shootdown: ShootdownPrices | None
    operation: tuple[Segment, ...]
    between: tuple[Segment, ...]
    alone_ps: int
    between_ps: int
    outside_ps: int
    writes: bool
    """Whether the operation changes the address space, for all of it or outside the tables."""
    writes_tables: bool
    """Whether it holds the lock for writing in its page tables, too."""

    @property
    def cpus(self) -> int:
        """CPUs in use."""
        return self.workload.cpus_in_use

    @property
    def workers(self) -> Sequence[int]:
        """Numbers of the CPUs that execute the operation."""
        step = 1 if self.workload.others == "same" else self.workload.threads
        return range(0, self.cpus, step)

    def socket(self, cpu: int) -> int:
        """Return the socket of a CPU."""
        if self.workload.sockets == "spread":
            return cpu % self.prices.sockets
        return cpu // self.prices.cpus_per_socket

    @property
    def leaves_cpus(self) -> bool:
        """Whether threads come from CPUs that stay in the mask of their address space."""
        lazy = self.shootdown is not None and self.shootdown.lazy_mask
        return lazy and self.workload.placement == "moving"

    @property
    def online(self) -> int:
        """CPUs of the machine; at least those in use."""
        return max(self.cpus, self.prices.sockets * self.prices.cpus_per_socket)

    @cached_property
    def shares_of_work(self) -> tuple[float, ...]:
        """Which part of the operation's own work is done at the end of each segment."""
        return _shares(self.operation)

    @cached_property
    def shares_between(self) -> tuple[float, ...]:
        """The same of the work between two operations."""
        return _shares(self.between)

    @property
    def spans_sockets(self) -> bool:
        """Whether CPUs of more than one socket are in use."""
        return self.socket(self.cpus - 1) > 0

    def shares(self, name: str) -> bool:
        """Whether something is shared here, or each CPU has its own to see what it costs."""
        return name not in self.workload.unshared


def _shares(segments: Sequence[Segment]) -> tuple[float, ...]:
    done = list(accumulate(segment.work_ps for segment in segments))
    return tuple(ps / max(1, done[-1]) for ps in done)


def setup(
    priced: PricedOperation, machine: Machine, workload: Workload, runs: Sequence[TableRun]
) -> Setup:
    """Return what ``workload`` is on ``machine``, whose page tables ``runs`` cost ``priced``."""
    prices = Prices.of(machine)
    llc_bytes = machine_in_use(machine, workload).caches.llc.size_bytes.value
    asked = demand(workload, prices, runs, llc_bytes=llc_bytes)
    between_ps = round(workload.between_us * PS_PER_US)
    segments = segments_for(workload.cpus_in_use)
    kind = operation_named(workload.operation).shared_work(workload).address_space
    return Setup(
        workload=workload,
        prices=prices,
        shootdown=ShootdownPrices.of(machine) if machine.isa == "x86_64" else None,
        operation=segments_of(
            priced.schedule,
            asked.operation,
            segments=segments,
            pieces=pieces_of(asked.operation, asked.between, segments),
            syncs_per_tlbi=priced.syncs_per_tlbi,
        ),
        between=segments_of(
            Schedule((Stage(between_ps),)),
            asked.between,
            segments=segments,
            pieces=pieces_of(asked.between, asked.operation, segments),
        )
        if between_ps
        else (),
        alone_ps=priced.schedule.total_ps,
        between_ps=between_ps,
        outside_ps=priced.outside_ps,
        writes=kind != "read",
        writes_tables=kind == "write",
    )
