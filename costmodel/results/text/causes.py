"""What the causes of a CPI stack mean, for the legend below it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from costmodel.config.sharing import SHARED

MEANING: Final[Mapping[str, str]] = {
    **SHARED,
    "width": "as many micro-ops as the core takes in or retires per cycle",
    "dependency": "waiting for the result of a plain operation",
    "port": "all execution ports of a kind taken",
    "fetch": "after a taken branch, call or return no instructions arrive",
    "branch_mispredict": "work thrown away after a wrong guess",
    "l1": "waiting for the first-level cache",
    "l2": "waiting for the second-level cache",
    "llc": "waiting for the last-level cache",
    "dram": "waiting for memory",
    "prefetch": "waiting for a line that is on its way already",
    "tlb": "waiting for an address translation",
    "miss_registers": "no room for one more outstanding miss",
    "store_forward": "a load waits for a store before it",
    "store_buffer": "no room for one more store, or a barrier waits for stores",
    "atomic": "atomic operations of arm64",
    "locked": "locked operations of x86, which wait for all stores before them",
    "barrier": "barriers with nothing to wait for",
    "tlbi": "TLB invalidations, sent and waited for",
    "zeroing": "clearing new page tables",
    "system": "system instructions",
    "table_alloc": "the page allocator's slow path",
    "table_free": "freeing empty page tables",
    "fork_fixed": "fork() outside its loop",
    "fork_vmas": "fork of the mappings beyond those of a small program",
    "exec": "execve() of a small program, its start and its longer end",
    "exit_wait": "exit and wait() outside page tables",
    "exit_vmas": "freeing the mappings beyond those of a small program",
    "mm_cpus": "what an address space keeps for each CPU",
    "unmap_range": "further ranges of a call outside their page tables",
    "unmap_call": "the system call outside its page tables",
    "asid_flush": "TLB flushes outside the loop",
    "interrupted": "handlers of flushes that other CPUs asked for",
}
"""What the time goes into, by the name that tables give a cause."""


SMALL: Final = 0.005
"""Nanoseconds per PTE: a cause below this in all stacks has no line."""


def shown_causes(*stacks: Mapping[str, float]) -> list[str]:
    """Return the causes that have a line in a table of ``stacks``, the largest first.

    Stacks are in nanoseconds per PTE; a cause below 0.005 in all of them has no line.

    >>> shown_causes({"dram": 1.0, "tlb": 0.001}, {"llc": 2.0})
    ['llc', 'dram']
    """
    most = {cause: max(s.get(cause, 0.0) for s in stacks) for stack in stacks for cause in stack}
    return sorted((c for c in most if most[c] >= SMALL), key=lambda cause: -most[cause])


def legend(causes: Iterable[str]) -> str:
    """Return a paragraph on what ``causes`` mean, in their order; unknown ones are left out."""
    return "; ".join(f"{cause}: {MEANING[cause]}" for cause in causes if cause in MEANING) + "."
