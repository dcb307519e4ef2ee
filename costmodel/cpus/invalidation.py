"""TLB invalidations on other CPUs: interrupts and INVLPGB on x86, broadcasts on arm64."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from costmodel.cpus.prices import in_ps
from costmodel.cpus.resources import Server, Usage

if TYPE_CHECKING:
    from costmodel.config.machine import Machine
    from costmodel.operations.protocol import FlushRequest

SENDER_LINES = 3
"""Cache lines that the sender has to fetch for each interrupted CPU: the head of its queue of
calls, the call itself, which it changed last time, and its answer (kernel/smp.c)."""
HANDLER_LINES = 3
"""Cache lines that the interrupted CPU has to fetch: the queue, the call, and what to flush."""
READS_AT_ONCE = 8
"""How many reads of one line overlap; the next one has to wait. No source: it was chosen knowing
the published figures of tlb_flush1 (docs/cpus.md)."""


@dataclass(frozen=True)
class ShootdownPrices:
    """The numbers of a machine about x86 shootdowns; times are integer picoseconds.

    They are those of the group ``shootdown`` in docs/machine-file.md.
    """

    send_ps: int
    send_cpus: int
    delivery_ps: int
    far_delivery_ps: int
    handler_ps: int
    invlpg_ps: int
    full_flush_ps: int
    ceiling_pages: int
    idle_wake_ps: int
    reads_generation: bool
    invlpgb: bool
    invlpgb_cpus: int
    invlpgb_pages: int
    invlpgb_ps: int
    tlbsync_ps: int
    far_tlbsync_ps: int

    @classmethod
    def of(cls, machine: Machine) -> ShootdownPrices:
        """Read the numbers of ``machine``."""
        group = machine.shootdown
        return cls(
            send_ps=in_ps(group.send_ns),
            send_cpus=group.send_cpus.value,
            delivery_ps=in_ps(group.delivery_ns),
            far_delivery_ps=in_ps(group.far_delivery_ns),
            handler_ps=in_ps(group.handler_ns),
            invlpg_ps=in_ps(group.invlpg_ns),
            full_flush_ps=in_ps(group.full_flush_ns),
            ceiling_pages=group.ceiling_pages.value,
            idle_wake_ps=in_ps(group.idle_wake_ns),
            reads_generation=group.reads_generation.value,
            invlpgb=group.invlpgb.value,
            invlpgb_cpus=group.invlpgb_cpus.value,
            invlpgb_pages=group.invlpgb_pages.value,
            invlpgb_ps=in_ps(group.invlpgb_ns),
            tlbsync_ps=in_ps(group.tlbsync_ns),
            far_tlbsync_ps=in_ps(group.far_tlbsync_ns),
        )

    def flush_ps(self, pages: int | None) -> int:
        """Return the time of the flush itself on one CPU, by pages or of everything (None)."""
        if pages is None or pages > self.ceiling_pages:
            return self.full_flush_ps
        return pages * self.invlpg_ps


@dataclass
class Receivers:
    """The CPUs of one address space as receivers of interrupts; arrays have one entry per CPU.

    ``first`` is the number of the first one. ``running``: whether it works in user mode or in the
    kernel. The others sleep and have the address space loaded lazily, so they are interrupted only
    when page tables are freed.
    """

    first: int
    sockets: NDArray[np.int64]
    running: NDArray[np.bool_]
    begins_ps: NDArray[np.int64] = field(init=False)
    """When the handling of the interrupt that was sent last begins."""
    free_ps: NDArray[np.int64] = field(init=False)
    """When all interrupts that were sent are handled."""

    def __post_init__(self) -> None:
        """Begin without any interrupt."""
        self.begins_ps = np.zeros(len(self.running), np.int64)
        self.free_ps = np.zeros(len(self.running), np.int64)

    @property
    def active(self) -> int:
        """The number of CPUs on which a flush of pages is needed."""
        return int(self.running.sum())


@dataclass
class Shootdowns:
    """Sends interrupts, and computes when the other CPUs have answered.

    ``stolen_ps``, int64[CPUs], is the time that handlers took from each CPU so far.
    """

    prices: ShootdownPrices
    line_ps: int
    far_line_ps: int
    stolen_ps: NDArray[np.int64]
    usage: Usage = field(default_factory=Usage)

    def send_ps(self, receivers: Receivers, cpu: int, request: FlushRequest) -> int:
        """Return how long the sender is busy until the last interrupt is sent."""
        wanted = self._wanted(receivers, cpu, request)
        count = int(wanted.sum())
        if not count:
            return 0
        lines = self._lines(receivers, cpu)[wanted]
        writes = -(-count // self.prices.send_cpus)
        return SENDER_LINES * int(lines.sum()) + writes * self.prices.send_ps

    def answered_ps(
        self,
        receivers: Receivers,
        cpu: int,
        request: FlushRequest,
        *,
        now: int,
        times: int = 1,
        generation: Server | None = None,
    ) -> int:
        """Send interrupts at ``now``, and return when every CPU has answered.

        It is ``now`` where no CPU must answer. ``times`` flushes in a row are taken together.
        ``generation`` is the line with the address space's generation that the sender has just
        changed, if it is simulated.
        """
        wanted = self._wanted(receivers, cpu, request)
        if not wanted.any():
            return now
        p, lines = self.prices, self._lines(receivers, cpu)
        far = receivers.sockets != receivers.sockets[cpu - receivers.first]
        delivery = np.where(far, p.far_delivery_ps, p.delivery_ps)
        arrives = now + times * (delivery + np.where(receivers.running, 0, p.idle_wake_ps))
        # A call that arrives before the last interrupt is handled shares its handler, and finds
        # the flush of the newest generation done (kernel/smp.c, arch/x86/mm/tlb.c).
        joins = arrives < receivers.begins_ps
        begins = np.where(joins, receivers.begins_ps, np.maximum(receivers.free_ps, arrives))
        handler = p.handler_ps + p.flush_ps(request.pages)
        handler += self._generation_ps(generation, cpu, lines[wanted], times)
        took = times * (HANDLER_LINES * lines + np.where(joins, 0, handler))
        ends = np.where(joins, receivers.free_ps, begins) + took
        receivers.begins_ps[wanted] = begins[wanted]
        receivers.free_ps[wanted] = ends[wanted]
        block = self.stolen_ps[receivers.first : receivers.first + len(wanted)]
        block[wanted] += took[wanted]
        self.usage.visits += times * int(wanted.sum())
        self.usage.busy_ps += int(took[wanted].sum())
        return int((ends + times * lines)[wanted].max())

    def _generation_ps(
        self, line: Server | None, cpu: int, transfers: NDArray[np.int64], times: int
    ) -> int:
        """Return how long a handler waits for the line of the generation, which all read."""
        if not self.prices.reads_generation:
            return 0
        alone_ps = int(transfers.mean())
        if line is None:
            return alone_ps
        reads_ps = int(transfers.sum()) // READS_AT_ONCE
        waits_ps = line.visit(cpu, line.socket, times * reads_ps, 0.0) - times * reads_ps
        return alone_ps + waits_ps // times + reads_ps // 2

    def invlpgb_ps(self, receivers: Receivers, cpu: int, request: FlushRequest) -> int | None:
        """Return the time of a flush by INVLPGB; None where the kernel sends interrupts."""
        p = self.prices
        if not p.invlpgb or receivers.active < p.invlpgb_cpus:
            return None
        pages = request.pages
        whole = pages is None or pages > p.ceiling_pages
        issues = 1 if whole or pages is None else -(-pages // p.invlpgb_pages)
        far = bool((receivers.sockets != receivers.sockets[cpu - receivers.first]).any())
        return issues * p.invlpgb_ps + (p.far_tlbsync_ps if far else p.tlbsync_ps)

    def _wanted(self, receivers: Receivers, cpu: int, request: FlushRequest) -> NDArray[np.bool_]:
        everybody = np.ones_like(receivers.running) if request.frees_tables else receivers.running
        wanted = everybody.copy()
        wanted[cpu - receivers.first] = False
        return wanted

    def _lines(self, receivers: Receivers, cpu: int) -> NDArray[np.int64]:
        near = receivers.sockets == receivers.sockets[cpu - receivers.first]
        return np.where(near, self.line_ps, self.far_line_ps)
