"""Groups of a machine file: the kernel outside the recorded loops, and the noise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from costmodel.config.parameter import (
    Bounds,
    Group,
    Microseconds,
    Nanoseconds,
    Parameter,
    Percent,
    usual,
)
from costmodel.config.schema import Problem
from costmodel.config.sizes import Size

NO_HOST = Parameter[int](
    value=2**30, low=2**30, high=2**30, kind="inferred", source="not stated: no guest"
)
FURTHER_RANGE = Parameter[float](
    value=15.0,
    low=10.0,
    high=20.0,
    kind="inferred",
    source="not stated: a guess made knowing 20250404210700.2156-1-sj@kernel.org, whose machine "
    "has no name (docs/zap.md); no machine was measured for it",
)
_ZEN3 = "about 20 and 800 further VMAs in a Zen 3 guest (2026)"
_MT_DUP = "the cover letter of __mt_dup() (August 2023)"
FORK_VMA = usual(250, 160, 340, f"between {_MT_DUP} and {_ZEN3}, without their entries")
VMA_INSERT = usual(170, 100, 250, f"481 against 310 ns for fork, exit and wait in {_MT_DUP}")
EXIT_VMA = usual(230, 140, 320, f"between {_MT_DUP} and {_ZEN3}")
EXIT_WAIT = usual(140, 100, 200, f"65 us behind 53, 45 behind 30, 82 behind 41, {_ZEN3}")
EXEC = usual(880, 500, 1300, f"327 us above vfork(), 411 above fork(), which takes 42, {_ZEN3}")
MM_CPU = usual(107, 20, 214, "at most 41 us at 192 CPUs, 20230608111408.s2minsenlcjow7q3@quack3")


class Kernel(Group):
    """What the kernel does around the recorded loops."""

    table_alloc_ns: Nanoseconds
    """Time to allocate a page table beyond its recorded instructions: the slow path of the
    allocator, spread over all tables."""
    zero_bytes_per_ns: Annotated[Parameter[float], Bounds(0.1, 1000)]
    """Rate of clearing a page; 1 byte per ns is 1 GB/s."""
    fork_fixed_us: Microseconds
    """Time of fork() without the copy loop: the task, the mm, and the VMAs of a small program."""
    fork_vma_ns: Nanoseconds = FORK_VMA
    """Time of fork() for each further VMA, where the tree of VMAs is duplicated as a whole."""
    vma_insert_ns: Nanoseconds = VMA_INSERT
    """Additional time for each of them in kernels before v6.8, which insert VMAs into the tree one
    by one."""
    exit_vma_ns: Nanoseconds = EXIT_VMA
    """Time of exit() for each of these VMAs."""
    exit_wait_pct: Annotated[Parameter[float], Bounds(0, 1000)] = EXIT_WAIT
    """Time of exit() and wait() of a small process without its page tables, in percent of
    fork_fixed_us."""
    exec_pct: Annotated[Parameter[float], Bounds(0, 10000)] = EXEC
    """Time of execve() of a small static program, its start, and the longer end of the process, in
    percent of fork_fixed_us."""
    mm_cpu_ns: Nanoseconds = MM_CPU
    """Time that an address space takes for each online CPU: counters are set up, summed and freed.
    fork_fixed_us contains that of fork() itself."""
    unmap_call_ns: Nanoseconds
    """Time of one munmap() or madvise() call without its page tables: entry, locks, VMA,
    mmu_gather."""
    unmap_range_pct: Annotated[Parameter[float], Bounds(0, 100)] = FURTHER_RANGE
    """Time of a further range in the same madvise() call, in percent of that call: the range is
    read, its VMA is found, an mmu_gather begins."""
    table_free_ns: Nanoseconds
    """Time to unlink and free one empty page table, at the end of munmap() and exit."""
    tick_hz: Annotated[Parameter[float], Bounds(0, 10000)]
    """Timer ticks per second (CONFIG_HZ)."""
    tick_us: Annotated[Parameter[float], Bounds(0, 1000)]
    """Time of one timer tick, VM exits included."""
    linear_map_bytes: Annotated[Parameter[Size], Bounds(4096, 2**30)]
    """Block size of the kernel's mapping of all memory, which decides how many translations its
    accesses to page tables need."""
    host_page_bytes: Annotated[Parameter[Size], Bounds(4096, 2**30)] = NO_HOST
    """In a guest: page size by which the host maps the guest's memory. No translation covers
    more."""

    def problems(self) -> Iterator[Problem]:
        """Yield a problem where timer ticks take all the time."""
        busy = self.tick_hz.value * self.tick_us.value / 1e6
        if busy >= 1:
            reason = f"must be shorter than the tick period, {1e6 / self.tick_hz.value:g} us"
            yield ("tick_us", "value"), reason, self.tick_us.value


class VmSteal(Group):
    """Time that the host takes from a virtual CPU."""

    rate_hz: Annotated[Parameter[float], Bounds(0, 10000)]
    """How often per second the host takes the CPU."""
    mean_us: Annotated[Parameter[float], Bounds(0, 1e6)]
    """For how long it takes the CPU, on average."""


class Noise(Group):
    """The noise of measurements by cause; each cause can be switched off."""

    run_scattered_pct: Percent
    """Standard deviation between runs where frames are scattered (order-0 folios)."""
    run_contiguous_pct: Percent
    """Standard deviation between runs where frames are contiguous (large folios)."""
    iteration_pct: Percent
    """Standard deviation between the iterations of a run."""
    tick_jitter_us: Annotated[Parameter[float], Bounds(0, 1000)]
    """Standard deviation of the time of one timer tick."""
    vm_steal: VmSteal
