"""TLB invalidations on other CPUs: interrupts and INVLPGB on x86, broadcasts on arm64."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from costmodel.cpus.resources import Server, Usage
from costmodel.units import PS_PER_NS

if TYPE_CHECKING:
    from costmodel.config.machine import Machine
    from costmodel.config.parameter import Parameter
    from costmodel.config.sharing import Shootdown
    from costmodel.operations.protocol import FlushRequest

SENDER_LINES = 3
"""Lines that cross per interrupted CPU on the sender's side: the head of its queue of calls, the
call itself that it changed last time, and its answer (kernel/smp.c)."""
HANDLER_LINES = 3
"""The same on the other side: the queue, the call, and what to flush."""
READS_AT_ONCE = 8
"""Reads of one line that are on their way together; only the next one has to wait."""


@dataclass(frozen=True)
class ShootdownPrices:
    """Prices of x86 in integer picoseconds."""

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
        group: Shootdown = machine.shootdown

        def ps(name: str) -> int:
            price: Parameter[float] = getattr(group, f"{name}_ns")
            return round(price.value * PS_PER_NS)

        return cls(
            send_ps=ps("send"),
            send_cpus=group.send_cpus.value,
            delivery_ps=ps("delivery"),
            far_delivery_ps=ps("far_delivery"),
            handler_ps=ps("handler"),
            invlpg_ps=ps("invlpg"),
            full_flush_ps=ps("full_flush"),
            ceiling_pages=group.ceiling_pages.value,
            idle_wake_ps=ps("idle_wake"),
            reads_generation=group.reads_generation.value,
            invlpgb=group.invlpgb.value,
            invlpgb_cpus=group.invlpgb_cpus.value,
            invlpgb_pages=group.invlpgb_pages.value,
            invlpgb_ps=ps("invlpgb"),
            tlbsync_ps=ps("tlbsync"),
            far_tlbsync_ps=ps("far_tlbsync"),
        )

    def flush_ps(self, pages: int | None) -> int:
        """Return what the flush itself takes on one CPU: page by page, or everything."""
        if pages is None or pages > self.ceiling_pages:
            return self.full_flush_ps
        return pages * self.invlpg_ps


@dataclass
class Receivers:
    """The CPUs of one address space as receivers of interrupts; arrays have one entry per CPU.

    ``first`` is the number of the first of them. ``running``: at work in user mode or the kernel;
    the others sleep and have the address space loaded lazily, so that they are interrupted only
    when page tables are freed.
    """

    first: int
    sockets: NDArray[np.int64]
    running: NDArray[np.bool_]
    begins_ps: NDArray[np.int64] = field(init=False)
    """When the interrupt that was sent last begins to be handled..."""
    free_ps: NDArray[np.int64] = field(init=False)
    """...and when all that were sent are handled."""

    def __post_init__(self) -> None:
        """Start with nothing sent."""
        self.begins_ps = np.zeros(len(self.running), np.int64)
        self.free_ps = np.zeros(len(self.running), np.int64)

    @property
    def active(self) -> int:
        """CPUs on which a flush of pages is needed."""
        return int(self.running.sum())


@dataclass
class Shootdowns:
    """Sends interrupts, and knows when the other CPUs have answered.

    ``stolen_ps`` int64[CPUs] counts what handlers took from each CPU so far.
    """

    prices: ShootdownPrices
    line_ps: int
    far_line_ps: int
    stolen_ps: NDArray[np.int64]
    usage: Usage = field(default_factory=Usage)

    def send_ps(self, receivers: Receivers, cpu: int, request: FlushRequest) -> int:
        """Return how long the sender is busy before the last interrupt is on its way."""
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
        """Send; return the moment by which every CPU has answered (``now`` where none must).

        ``times``: so many flushes, one after the other, drawn together. ``generation``: the line
        that the sender has just changed, if there is one for all of them.
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
        """Return how long a handler waits for the generation, which all of them read."""
        if not self.prices.reads_generation:
            return 0
        alone_ps = int(transfers.mean())
        if line is None:
            return alone_ps
        reads_ps = int(transfers.sum()) // READS_AT_ONCE
        waits_ps = line.visit(cpu, line.socket, times * reads_ps, 0.0) - times * reads_ps
        return alone_ps + waits_ps // times + reads_ps // 2

    def invlpgb_ps(self, receivers: Receivers, cpu: int, request: FlushRequest) -> int | None:
        """Return what a flush by INVLPGB takes; None where the kernel sends interrupts."""
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
