"""What page tables cost while they lie in the caches: the kernel's code, and a hypervisor's share.

Times over much memory hold code, cache misses and page walks together. Calls on a few pages hold
the code alone, and what a hypervisor adds that keeps page tables of its own for the guest's (shadow
paging): it traps flushes, and the first write to a table that it shadows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from costmodel.config.machine import Machine
from costmodel.experiment import exact_seconds
from costmodel.measure.operations import Measured
from costmodel.measure.prediction import NOTHING_NAMED, RunningKernel, cells_of
from costmodel.units import PAGE_BYTES

EXIT_CYCLES = 1500
"""What a trap to a hypervisor and back takes at least: kicking a guest's CPU costs 1,500 to 3,000
cycles more than an interrupt that is posted to it, which is one exit and one entry (from memory of
what is published of KVM; no single source). The handler of the trap comes on top."""
_FEW, _MANY = 64, 256
"""Pages of one table, above the 33 that x86 flushes one by one."""
_FLUSHED = 8, 32
_TABLES = 0.5, 1, 2, 17
"""Tables of which one page each is used. Two of them and more are flushed as a whole."""
_TRAPS_OF_A_TABLE = 3
"""How many traps' time a shadowed table takes at the least: that of the first write to it, and two
more for emulating the write, or for giving the table up and taking it again (reasoned)."""


@dataclass(frozen=True)
class InCaches:
    """Times of mprotect on memory that was just used, in nanoseconds."""

    pte_ns: float
    """One more entry of a table, on arm64 with its TLBI."""
    flush_ns: float | None
    """One more page that is flushed by itself, without its entry; None on arm64."""
    table_ns: float
    """One more table of which one entry is used, without what looking at the empty ones takes."""

    def is_shadowed(self, exit_ns: float) -> bool:
        """Tell whether a part takes as long as the traps that shadow paging would cost it.

        ``exit_ns`` is the time of one.
        """
        flush_ns = self.flush_ns or 0.0
        return max(self.pte_ns, flush_ns, self.table_ns / _TRAPS_OF_A_TABLE) > exit_ns


def in_caches(small_ns: Mapping[str, float], isa: str) -> InCaches | None:
    """Return what these calls say; None where they were not measured.

    ``small_ns``: the least time of each call by its name.
    """
    pages = {n: small_ns.get(f"mprotect of {n} pages", 0.0) for n in (*_FLUSHED, _FEW, _MANY)}
    names = (f"mprotect of a page in each of {n} tables" for n in _TABLES)
    half, one, two, many = (small_ns.get(name, 0.0) for name in names)
    if not all((*pages.values(), half, one, two, many)):
        return None
    # Each difference is between calls that flush alike. The least times may still cross.
    pte = max(0.0, (pages[_MANY] - pages[_FEW]) / (_MANY - _FEW))
    low, high = _FLUSHED
    flushed = (pages[high] - pages[low]) / (high - low) - pte
    empty = 2 * (one - half)
    table = (many - two) / (_TABLES[3] - _TABLES[2]) - empty - pte
    return InCaches(pte, max(0.0, flushed) if isa == "x86_64" else None, max(0.0, table))


def predicted_pte_ns(
    machine: Machine, kernel: RunningKernel, named: Mapping[str, str] = NOTHING_NAMED
) -> float | None:
    """Return the prediction of :attr:`InCaches.pte_ns`; None where the model has no such call."""
    sizes = [pages * PAGE_BYTES for pages in (_FEW, _MANY)]
    asked = [Measured("mprotect to-read-only", 0, size, frames="scattered") for size in sizes]
    cells = [cell for cell in cells_of(asked, machine, kernel, named) if cell is not None]
    if len(cells) < len(sizes):
        return None
    few, many = (exact_seconds(replace(cell, machine=machine)) for cell in cells)
    return 1e9 * (many - few) / (_MANY - _FEW)


def in_caches_text(
    small_ns: Mapping[str, float],
    machine: Machine,
    kernel: RunningKernel,
    named: Mapping[str, str] = NOTHING_NAMED,
) -> Iterator[str]:
    """Yield what these calls mean for the trust in the other predictions, if they were measured.

    The arguments are those of :func:`in_caches` and :func:`predicted_pte_ns`.
    """
    found = in_caches(small_ns, machine.isa)
    if found is not None:
        predicted = predicted_pte_ns(machine, kernel, named)
        yield in_caches_meaning(found, predicted, float(machine.core.clock_ghz.value))


def in_caches_meaning(found: InCaches, predicted_ns: float | None, clock_ghz: float) -> str:
    """Return what these times mean."""
    beside = "" if predicted_ns is None else f" (predicted {predicted_ns:.0f})"
    parts = [f"{found.pte_ns:.0f} ns for a PTE{beside}"]
    if found.flush_ns is not None:
        parts.append(f"{found.flush_ns:.0f} for the flush of a page")
    parts.append(f"{found.table_ns:.0f} for a table")
    exit_ns = EXIT_CYCLES / clock_ghz
    table_ns = _TRAPS_OF_A_TABLE * exit_ns
    trap = f"a trap to a hypervisor ({exit_ns:.0f} ns or more, for a table {table_ns:.0f})"
    text = f"page tables in the caches (mprotect): {', '.join(parts)}. "
    if found.is_shadowed(exit_ns):
        text += (
            f"That is as long as {trap}: it keeps page "
            "tables of its own (shadow paging), which the model does not have. Times of this "
            "machine come out too low by that much for each."
        )
    else:
        text += (
            f"No part takes as long as {trap}: there is none. What is missing "
            "in these is code, and what is missing beyond them caches and page walks."
        )
    return text
