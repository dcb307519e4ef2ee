"""Time what the kernel does to the page tables of a process of this machine."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from costmodel.config.frames import CONTIGUOUS, SCATTERED
from costmodel.layout.placement import placement_of
from costmodel.measure.folios import HUGE_ORDER, Folios
from costmodel.measure.kernels.assembler import Assembler
from costmodel.measure.kernels.calls import NUMBERS, TIMED
from costmodel.measure.process import Lost, Measuring
from costmodel.measure.readings.number import Number
from costmodel.measure.system import System
from costmodel.units import GIB, MIB, PAGE_BYTES

WORKER = Path(__file__).with_name("operations_worker.py")
OF_THE_PROCESS = ("fork", "exit")
"""Operations on a whole process. What they cost without the memory is measured and subtracted."""
MOST_ROUNDS = 10
_LEAST_ROUNDS = 2
_AGAIN = 3
"""How many times memory that was forked before is forked again in one round."""
Progress = Callable[[float], object]


@dataclass
class Measured:
    """One operation on memory of one folio order."""

    operation: str
    order: int
    memory_bytes: int
    ns: list[int] = field(default_factory=list)
    """CPU time of each call, in nanoseconds; from forks and exits, the time of the same call in a
    process without the memory is subtracted."""
    layout: str = ""
    """How the physical frames of the memory lie, in words; empty if the system does not say."""
    frames: str | Mapping[str, str] = CONTIGUOUS
    """The same as a scenario says it."""
    frames_over_bytes: int | None = None
    """Bytes of the physical memory that scattered folios lie in; None: as many as the memory."""

    @property
    def least_ns(self) -> float:
        """The least time of a call, in nanoseconds."""
        return float(min(self.ns))

    @property
    def median_ns(self) -> float:
        """The median time of the calls, in nanoseconds."""
        return float(median(self.ns))


@dataclass
class Operations:
    """The times of operations, and what has to be known to understand them."""

    measured: list[Measured] = field(default_factory=list)
    empty_ns: dict[str, list[int]] = field(default_factory=dict)
    """Times of forks and exits of the process without the memory, in nanoseconds."""
    small_ns: dict[str, list[int]] = field(default_factory=dict)
    """Times of calls on few pages, in nanoseconds."""
    vmas: int = 0
    memory_bytes: int = 0
    """Memory of the machine."""
    lacking: list[str] = field(default_factory=list)

    def numbers(self) -> Iterator[Number]:
        """Yield the numbers of a machine file that these calls give."""
        forks = self.empty_ns.get("fork read-only")
        if forks:
            least, usual = min(forks) / 1000, median(forks) / 1000
            how = f"fork of a process of {self.vmas} mappings; low: a third of them"
            yield Number("kernel.fork_fixed_us", least, least / 3, usual, how)
        no_page = self.small_ns.get("munmap of no page")
        page = self.small_ns.get("munmap of a page")
        if no_page and page:
            least, most = min(*no_page, *page), max(median(no_page), min(page))
            how = "munmap of a page that was never touched; high: of one that was"
            yield Number("kernel.unmap_call_ns", min(no_page), 0.8 * least, most, how)


def size_for(system: System, *, quick: bool) -> int:
    """Return how many bytes of memory to operate on; raise Lost where the system has too little."""
    if system.page_bytes != PAGE_BYTES:
        raise Lost(f"pages have {system.page_bytes} bytes: the model knows {PAGE_BYTES} only")
    most = min(64 * MIB if quick else 256 * MIB, system.available_bytes // 4)
    size = most & ~(2 * MIB - 1)
    if size < 16 * MIB:
        raise Lost("needs 64 MiB of free memory")
    return size


def measure_operations(
    system: System,
    *,
    quick: bool = False,
    seconds: float = 50,
    progress: Progress = lambda share: None,
) -> Operations:
    """Run all operations on all orders, in rounds, for about ``seconds`` seconds.

    ``progress`` gets the share of the time that has passed, from 0 to 1.
    """
    found = Operations(memory_bytes=system.memory_bytes)
    try:
        size = size_for(system, quick=quick)
    except Lost as reason:
        found.lacking.append(f"operations: {reason}")
        return found
    code = Assembler().code("timed", TIMED[system.isa])
    numbers = json.dumps(NUMBERS[system.isa])
    with Measuring(str(WORKER), code.hex(), numbers) as measuring, Folios(system) as folios:
        found.lacking += folios.lacking
        orders = [order for order in folios.orders() if not quick or order in (0, 4, HUGE_ORDER)]
        try:
            _small(found, measuring)
            _empty(found, measuring)
        except Lost as reason:
            found.lacking.append(f"operations: {reason}")
            return found
        end = time.monotonic() + seconds
        most = MOST_ROUNDS * len(orders)
        try:
            for number, order in itertools.product(range(MOST_ROUNDS), list(orders)):
                if not orders or (number >= _LEAST_ROUNDS and time.monotonic() > end):
                    break
                if order == orders[0]:
                    _empty(found, measuring)
                if order in orders and not _round(found, measuring, folios, size, order, number):
                    orders.remove(order)
                progress(1 / most)
            _small(found, measuring)  # other moments of a busy machine
        except Lost as reason:  # what was measured until then is kept
            found.lacking.append(f"further rounds: {reason}")
    return found


def _small(found: Operations, measuring: Measuring) -> None:
    reply = measuring.ask({"task": "small"})
    for name, times in reply["ns"].items():
        found.small_ns.setdefault(name, []).extend(times)
    found.vmas = reply["vmas"]


def _empty(found: Operations, measuring: Measuring) -> None:
    for _ in range(5):
        request = {"task": "round", "size": 0, "order": 0, "huge": False, "again": _AGAIN}
        for name, times in measuring.ask(request)["ns"].items():
            found.empty_ns.setdefault(name, []).extend(times)


@dataclass(frozen=True)
class _Layout:
    """How memory of an order lies: in words, as a scenario says it, and over how many bytes."""

    words: str
    frames: str | Mapping[str, str]
    over_bytes: int | None


def _round(
    found: Operations, measuring: Measuring, folios: Folios, size: int, order: int, number: int
) -> bool:
    """Add one round on one order; return whether another round on it makes sense."""
    try:
        request: dict[str, Any] = {"size": size, "order": order, "huge": folios.choose(order)}
        layout = _layout(measuring, request, found.memory_bytes) if number == 0 else None
        reply = measuring.ask({"task": "round", "again": _AGAIN, "number": number, **request})
    except Lost as reason:
        found.lacking.append(f"order {order}: {reason}")
        return False
    for name, times in reply["ns"].items():
        one = _entry(found, name, order, size, layout)
        empty = 0
        if name.startswith(OF_THE_PROCESS):
            empty = min(found.empty_ns[name])
        one.ns += [max(1, took - empty) for took in times]
    return True


def _entry(found: Operations, name: str, order: int, size: int, layout: _Layout | None) -> Measured:
    for one in found.measured:
        if (one.operation, one.order) == (name, order):
            return one
    if layout is None:  # one that a later round adds lies as the others of its order do
        known = next(m for m in found.measured if m.order == order)
        layout = _Layout(known.layout, known.frames, known.frames_over_bytes)
    one = Measured(name, order, size, [], layout.words, layout.frames, layout.over_bytes)
    found.measured.append(one)
    return one


def _layout(measuring: Measuring, request: Mapping[str, Any], memory_bytes: int) -> _Layout:
    """Return how memory of an order lies."""
    order = request["order"]
    frames = measuring.ask({"task": "layout", **request})["frames"]
    if frames is None:
        words = "not looked at: only root can; taken as scattered over all memory"
        return _Layout(words, SCATTERED, max(memory_bytes, request["size"]))
    return layout_of(frames, order)


def layout_of(frames: Sequence[int], order: int) -> _Layout:
    """Return how consecutive pages lie whose page frames are these, in folios of an order."""
    frame = np.array(frames, np.int64)
    number = np.arange(len(frame), dtype=np.int64)
    pages = 1 << order
    blocks = frame.reshape(-1, pages)
    whole = (blocks[:, 0] % pages == 0) & (blocks == blocks[:, :1] + np.arange(pages)).all(axis=1)
    words = f"{100 * whole.mean():.0f} % in aligned blocks, " if order else ""
    placed = placement_of(number, frame, np.full(len(frame), order) if whole.all() else None)
    lies = placed.frames(order)
    over = max(placed.span_bytes, len(frame) * PAGE_BYTES)
    words += f"{100 * placed.alone:.0f} % in folios that lie alone, over {over / GIB:.1f} GiB"
    return _Layout(words, lies, None if lies == CONTIGUOUS else over)
