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

from costmodel.measure.experiment import MIB
from costmodel.measure.folios import HUGE_ORDER, Folios
from costmodel.measure.kernels.assembler import Assembler
from costmodel.measure.kernels.calls import NUMBERS, TIMED
from costmodel.measure.process import Lost, Measuring
from costmodel.measure.readings.number import Number
from costmodel.measure.system import System
from costmodel.units import PAGE_BYTES

WORKER = Path(__file__).with_name("operations_worker.py")
OF_THE_PROCESS = ("fork", "exit")
"""Operations on a whole process. What they cost without the memory is measured and subtracted."""
MOST_ROUNDS = 10
_LEAST_ROUNDS = 2
_AGAIN = 3
"""How many times memory that was forked before is forked again in one round."""
_NEAR_FRAMES = 8
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
    scattered: bool = False

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
    """Times of calls on a single page, in nanoseconds."""
    vmas: int = 0
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
    found = Operations()
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
            reply = measuring.ask({"task": "small"})
        except Lost as reason:
            found.lacking.append(f"operations: {reason}")
            return found
        found.small_ns, found.vmas = reply["ns"], reply["vmas"]
        _empty(found, measuring)
        end = time.monotonic() + seconds
        for number in range(MOST_ROUNDS):
            for order in list(orders):
                if number >= _LEAST_ROUNDS and time.monotonic() > end:
                    return found
                if not _round(found, measuring, folios, size, order, number):
                    orders.remove(order)
                progress(1 / (MOST_ROUNDS * max(len(orders), 1)))
            _empty(found, measuring)
    return found


def _empty(found: Operations, measuring: Measuring) -> None:
    for _ in range(5):
        request = {"task": "round", "size": 0, "order": 0, "huge": False, "again": _AGAIN}
        for name, times in measuring.ask(request)["ns"].items():
            found.empty_ns.setdefault(name, []).extend(times)


def _round(
    found: Operations, measuring: Measuring, folios: Folios, size: int, order: int, number: int
) -> bool:
    """Add one round on one order; return whether another round on it makes sense."""
    try:
        request: dict[str, Any] = {"size": size, "order": order, "huge": folios.choose(order)}
        layout = _layout(measuring, request) if number == 0 else None
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


def _entry(
    found: Operations, name: str, order: int, size: int, layout: tuple[str, bool] | None
) -> Measured:
    for one in found.measured:
        if (one.operation, one.order) == (name, order):
            return one
    if layout is None:  # one that a later round adds lies as the others of its order do
        layout = next((m.layout, m.scattered) for m in found.measured if m.order == order)
    one = Measured(name, order, size, layout=layout[0], scattered=layout[1])
    found.measured.append(one)
    return one


def _layout(measuring: Measuring, request: Mapping[str, Any]) -> tuple[str, bool]:
    """Return how memory of an order lies, in words, and whether single pages are scattered."""
    order = request["order"]
    frames = measuring.ask({"task": "layout", **request})["frames"]
    if frames is None:
        return "not looked at: only root can", order == 0
    if order == 0:
        near = _share(abs(b - a) <= _NEAR_FRAMES for a, b in itertools.pairwise(frames))
        return f"{near:.0f} % within {_NEAR_FRAMES} frames of the page before", near < 50
    pages = 1 << order
    blocks = (frames[start : start + pages] for start in range(0, len(frames), pages))
    whole = _share(_is_block(block, pages) for block in blocks)
    return f"{whole:.0f} % in aligned blocks", False


def _is_block(frames: Sequence[int], pages: int) -> bool:
    first = frames[0]
    return first % pages == 0 and all(frame == first + i for i, frame in enumerate(frames))


def _share(found: Iterator[bool]) -> float:
    each = list(found)
    return 100 * sum(each) / max(len(each), 1)
