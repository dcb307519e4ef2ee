"""The numbers of a machine about sharing, with times in integer picoseconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from costmodel.units import PS_PER_NS

if TYPE_CHECKING:
    from costmodel.config.machine import Machine
    from costmodel.config.parameter import Parameter


@dataclass(frozen=True)
class Prices:
    """The numbers of the groups ``topology``, ``locks`` and ``tlbi`` that several CPUs need.

    docs/machine-file.md describes them. ``counter_batch`` is how many pages a CPU counts by itself
    before it changes a counter of the address space.
    """

    sockets: int
    cpus_per_socket: int
    line_ps: int
    far_line_ps: int
    memory_bytes_per_ns: float
    zone_page_ps: int
    list_batch_pages: int
    lru_folio_ps: int
    lru_batch_folios: int
    memcg_batch_pages: int
    memcg_levels: int
    counter_batch: int
    vma_locks: bool
    sync_held_ps: int
    tlbi_held_ps: int
    growth: float
    request_nodes: int
    far_factor: float
    stolen_ps: int

    @classmethod
    def of(cls, machine: Machine) -> Prices:
        """Read the numbers of ``machine``."""
        topology, locks, tlbi = machine.topology, machine.locks, machine.tlbi
        online = machine.tlbi.cpus_online.value
        further_ns = tlbi.shared_ns.value or tlbi.issue_ns.value
        return cls(
            sockets=topology.sockets.value,
            cpus_per_socket=-(-online // topology.sockets.value),
            line_ps=in_ps(topology.line_ns),
            far_line_ps=in_ps(topology.far_line_ns),
            memory_bytes_per_ns=topology.memory_bytes_per_ns.value,
            zone_page_ps=in_ps(locks.zone_page_ns),
            list_batch_pages=locks.list_batch_pages.value,
            lru_folio_ps=in_ps(locks.lru_folio_ns),
            lru_batch_folios=locks.lru_batch_folios.value,
            memcg_batch_pages=locks.memcg_batch_pages.value,
            memcg_levels=locks.memcg_levels.value,
            # percpu_counter_batch: max(32, 2 x CPUs), mm/percpu_counter.c of v6.2 and later.
            counter_batch=max(32, 2 * online),
            vma_locks=locks.vma_locks.value,
            sync_held_ps=in_ps(tlbi.per_cpu_ns),
            tlbi_held_ps=round(further_ns * PS_PER_NS),
            growth=tlbi.shared_growth_pct.value / 100,
            request_nodes=tlbi.shared_requests.value,
            far_factor=tlbi.shared_far_factor.value,
            stolen_ps=in_ps(tlbi.shared_stolen_ns),
        )


def in_ps(parameter: Parameter[float]) -> int:
    """Return a number that the machine file has in nanoseconds in picoseconds."""
    return round(parameter.value * PS_PER_NS)
