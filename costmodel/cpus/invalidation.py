"""TLB invalidations on other CPUs: interrupts and INVLPGB on x86, broadcasts on arm64."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from costmodel.cpus.prices import in_ps
from costmodel.cpus.resources import Server, Usage
from costmodel.units import PS_PER_US

if TYPE_CHECKING:
    from costmodel.config.machine import Machine
    from costmodel.operations.protocol import FlushRequest

SENDER_LINES = 3
"""Cache lines that the sender has to fetch for each interrupted CPU: the head of its queue of
calls, the call itself, which it changed last time, and its answer (kernel/smp.c)."""
HANDLER_LINES = 3
"""Cache lines that the interrupted CPU has to fetch: the queue, the call, and what to flush."""
NOWHERE = -1
"""Number of the CPU that a thread left where its process runs on that, or on all CPUs."""
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
    lazy_mask: bool
    mask_trim_ps: int
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
            lazy_mask=group.lazy_mask.value,
            mask_trim_ps=round(group.mask_trim_us.value * PS_PER_US),
            invlpgb=group.invlpgb.value,
            invlpgb_cpus=group.invlpgb_cpus.value,
            invlpgb_pages=group.invlpgb_pages.value,
            invlpgb_ps=in_ps(group.invlpgb_ns),
            tlbsync_ps=in_ps(group.tlbsync_ns),
            far_tlbsync_ps=in_ps(group.far_tlbsync_ns),
        )

    def flush_ps(self, entries: int | None) -> int:
        """Return the time of the flush itself on one CPU, by entries or of everything (None)."""
        if entries is None or entries > self.ceiling_pages:
            return self.full_flush_ps
        return entries * self.invlpg_ps


def left_cpus(first: int, threads: int, online: int) -> list[int]:
    """Return which CPU each thread of a process was on before it moved, or :data:`NOWHERE`.

    The process ran on the CPUs behind its own, where another address space is loaded now.

    >>> left_cpus(0, 2, 8), left_cpus(6, 2, 8), left_cpus(0, 3, 4)
    ([2, 3], [0, 1], [3, -1, -1])
    """
    behind = [(cpu + threads) % online for cpu in range(first, first + threads)]
    own = range(first, first + threads)
    return [NOWHERE if cpu in own else cpu for cpu in behind]


@dataclass
class Receivers:
    """The CPUs of one address space as receivers of interrupts.

    ``numbers``, ``sockets``: of all CPUs in its mask, its own ones and behind those, as many or
    none, the CPUs that these threads left (:func:`left_cpus`); ``own`` is how many are its own.
    ``running`` bool[own]: whether each works in user mode or in the kernel. The others sleep and
    have the address space loaded lazily, so they are interrupted only when page tables are freed.
    """

    numbers: NDArray[np.int64]
    sockets: NDArray[np.int64]
    running: NDArray[np.bool_]
    lingering: NDArray[np.bool_] = field(init=False)
    """bool[CPUs left]: whether the mask has this CPU, so that it will be interrupted in vain."""
    trims_ps: int = 0
    """From when on a flush is sent to the CPUs that were left, whatever it flushes."""

    def __post_init__(self) -> None:
        """Begin with no CPU in the mask but those of the address space."""
        self.lingering = np.zeros(len(self.numbers) - self.own, np.bool_)

    @property
    def own(self) -> int:
        """The number of CPUs of the address space."""
        return len(self.running)

    @property
    def active(self) -> int:
        """The number of CPUs on which a flush of pages is needed."""
        return int(self.running.sum())

    def place(self, cpu: int) -> int:
        """Return the place of one of its CPUs."""
        return int(cpu - self.numbers[0])

    def move(self, cpu: int, *, all_of_them: bool) -> None:
        """Note that the thread of a CPU came from another one, or that all that run did."""
        if len(self.lingering):
            who = slice(None) if all_of_them else slice(self.place(cpu), self.place(cpu) + 1)
            self.lingering[who] |= (self.running & (self.numbers[self.own :] != NOWHERE))[who]


@dataclass
class Shootdowns:
    """Sends interrupts, and computes when the other CPUs have answered.

    ``cpus`` are in use. Arrays have one entry for each CPU of the machine: ``stolen_ps`` is the
    time that handlers took from it so far, ``begins_ps`` when the handling of the interrupt that
    was sent last begins, and ``free_ps`` when all that were sent are handled.
    """

    prices: ShootdownPrices
    line_ps: int
    far_line_ps: int
    stolen_ps: NDArray[np.int64]
    cpus: int
    usage: Usage = field(default_factory=Usage)

    def __post_init__(self) -> None:
        """Begin without any interrupt."""
        self.begins_ps = np.zeros_like(self.stolen_ps)
        self.free_ps = np.zeros_like(self.stolen_ps)

    def send_ps(self, receivers: Receivers, cpu: int, request: FlushRequest) -> int:
        """Return how long the sender is busy until all of its own address space are interrupted."""
        wanted = self._wanted(receivers, cpu, request)
        lines = self._lines(receivers, cpu)[: receivers.own][wanted]
        return SENDER_LINES * int(lines.sum()) + self._writes_ps(len(lines))

    def send_in_vain_ps(
        self, receivers: Receivers, cpu: int, request: FlushRequest, *, now: int
    ) -> int | None:
        """Return how much longer the sender is busy because of CPUs that were left.

        None where the flush is not sent to them: it frees no page tables, and the mask was trimmed
        a short time ago.
        """
        if not len(receivers.lingering):
            return None
        own = int(self._wanted(receivers, cpu, request).sum())
        lines = self._lines(receivers, cpu)[receivers.own :][receivers.lingering]
        due = now >= receivers.trims_ps and (own or len(lines))
        if due:
            receivers.trims_ps = now + self.prices.mask_trim_ps
        if not due and not request.frees_tables:
            return None
        more_ps = self._writes_ps(own + len(lines)) - self._writes_ps(own)
        return SENDER_LINES * int(lines.sum()) + more_ps

    def answered_ps(
        self,
        receivers: Receivers,
        cpu: int,
        request: FlushRequest,
        *,
        now: int,
        times: int = 1,
        generation: Server | None = None,
        in_vain: bool = False,
    ) -> int:
        """Send interrupts at ``now``, and return when every CPU has answered.

        It is ``now`` where no CPU must answer. ``times`` flushes in a row are taken together.
        ``generation`` is the line with the address space's generation that the sender has just
        changed, if it is simulated. ``in_vain``: the first of them goes to CPUs that were left.
        """
        own = receivers.own
        wanted = np.zeros(len(receivers.numbers), np.bool_)
        wanted[:own] = self._wanted(receivers, cpu, request)
        wanted[own:] = receivers.lingering & in_vain
        if not wanted.any():
            return now
        p, lines = self.prices, self._lines(receivers, cpu)
        sleeps, each = np.zeros_like(wanted), np.ones(len(wanted), np.int64)
        sleeps[:own], each[:own] = ~receivers.running, times
        far = receivers.sockets != receivers.sockets[receivers.place(cpu)]
        delivery = np.where(far, p.far_delivery_ps, p.delivery_ps)
        arrives = now + each * (delivery + np.where(sleeps, p.idle_wake_ps, 0))
        # A call that arrives before the last interrupt is handled shares its handler, and finds
        # the flush of the newest generation done (kernel/smp.c, arch/x86/mm/tlb.c).
        begins, free = self.begins_ps[receivers.numbers], self.free_ps[receivers.numbers]
        joins = arrives < begins
        # A CPU that was left takes itself out of the mask, whose line it has to fetch.
        handler = p.handler_ps + lines
        mine = wanted[:own]
        if mine.any():
            flush_ps = p.flush_ps(request.entries)
            flush_ps += self._generation_ps(generation, cpu, lines[:own][mine], times)
            handler[:own] = p.handler_ps + flush_ps
        took = each * (HANDLER_LINES * lines + np.where(joins, 0, handler))
        begins = np.where(joins, begins, np.maximum(free, arrives))
        ends = np.where(joins, free, begins) + took
        numbers = receivers.numbers[wanted]
        self.begins_ps[numbers], self.free_ps[numbers] = begins[wanted], ends[wanted]
        self.stolen_ps[numbers] += took[wanted]
        receivers.lingering[wanted[own:]] = False
        self.usage.visits += int(each[wanted].sum())
        self.usage.busy_ps += int(took[wanted & (receivers.numbers < self.cpus)].sum())
        return int((ends + each * lines)[wanted].max())

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
        entries = request.entries
        whole = entries is None or entries > p.ceiling_pages
        issues = 1 if whole or entries is None else -(-entries // p.invlpgb_pages)
        sockets = receivers.sockets[: receivers.own]
        far = bool((sockets != sockets[receivers.place(cpu)]).any())
        return issues * p.invlpgb_ps + (p.far_tlbsync_ps if far else p.tlbsync_ps)

    def _writes_ps(self, count: int) -> int:
        return -(-count // self.prices.send_cpus) * self.prices.send_ps

    def _wanted(self, receivers: Receivers, cpu: int, request: FlushRequest) -> NDArray[np.bool_]:
        """Return which CPUs of the address space are interrupted."""
        everybody = np.ones_like(receivers.running) if request.frees_tables else receivers.running
        wanted = everybody.copy()
        wanted[receivers.place(cpu)] = False
        return wanted

    def _lines(self, receivers: Receivers, cpu: int) -> NDArray[np.int64]:
        near = receivers.sockets == receivers.sockets[receivers.place(cpu)]
        return np.where(near, self.line_ps, self.far_line_ps)
