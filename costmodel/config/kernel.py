"""Groups of a machine file: the kernel beside the recorded loops, and the noise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from costmodel.config.group import Group, Microseconds, Nanoseconds, Percent
from costmodel.config.parameter import Bounds, Parameter, usual
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
EXIT_WAIT = usual(110, 60, 200, f"65 us behind a fork of 53 us, {_ZEN3}")
EXEC = usual(600, 300, 1000, f"posix_spawn() of a static program 327 us above vfork(), {_ZEN3}")
MM_CPU = usual(107, 20, 214, "at most 41 us at 192 CPUs, 20230608111408.s2minsenlcjow7q3@quack3")


class Kernel(Group):
    """What the kernel does around the copy loop."""

    table_alloc_ns: Nanoseconds
    """One page table beyond its recorded instructions: allocator slow path, amortised."""
    zero_bytes_per_ns: Annotated[Parameter[float], Bounds(0.1, 1000)]
    """Rate of clearing a page; 1 byte per ns is 1 GB/s."""
    fork_fixed_us: Microseconds
    """fork() without the copy loop: task, mm, the VMAs of a small program."""
    fork_vma_ns: Nanoseconds = FORK_VMA
    """fork() for each further VMA, where the tree of VMAs is duplicated."""
    vma_insert_ns: Nanoseconds = VMA_INSERT
    """What that takes more in kernels before v6.8, which put VMAs into the tree one by one."""
    exit_vma_ns: Nanoseconds = EXIT_VMA
    """exit() for each of these VMAs."""
    exit_wait_pct: Annotated[Parameter[float], Bounds(0, 1000)] = EXIT_WAIT
    """exit() and wait() of a small process beside its page tables, in percent of fork_fixed_us."""
    exec_pct: Annotated[Parameter[float], Bounds(0, 10000)] = EXEC
    """execve() of a small static program, its start and what its end takes more, in percent of
    fork_fixed_us."""
    mm_cpu_ns: Nanoseconds = MM_CPU
    """What an address space takes for each online CPU: counters that are set up, added up, freed.
    fork_fixed_us holds those of fork() itself."""
    unmap_call_ns: Nanoseconds
    """One munmap() or madvise() call without its page tables: entry, locks, VMA, mmu_gather."""
    unmap_range_pct: Annotated[Parameter[float], Bounds(0, 100)] = FURTHER_RANGE
    """A further range of the same madvise() call, in percent of that call: the range is read, its
    VMA found, an mmu_gather begun."""
    table_free_ns: Nanoseconds
    """Taking one empty page table out and freeing it, at the end of munmap() and exit."""
    tick_hz: Annotated[Parameter[float], Bounds(0, 10000)]
    """Timer ticks per second (CONFIG_HZ)."""
    tick_us: Annotated[Parameter[float], Bounds(0, 1000)]
    """One timer tick, VM exits included."""
    linear_map_bytes: Annotated[Parameter[Size], Bounds(4096, 2**30)]
    """Block size of the kernel's mapping of memory: what the TLB sees of page tables."""
    host_page_bytes: Annotated[Parameter[Size], Bounds(4096, 2**30)] = NO_HOST
    """In a guest, what the host maps its memory with: a translation covers no more."""

    def problems(self) -> Iterator[Problem]:
        """Between two ticks there is time left for the kernel's work."""
        busy = self.tick_hz.value * self.tick_us.value / 1e6
        if busy >= 1:
            reason = f"must be shorter than the tick period, {1e6 / self.tick_hz.value:g} us"
            yield ("tick_us", "value"), reason, self.tick_us.value


class VmSteal(Group):
    """Time that the host takes from a virtual CPU."""

    rate_hz: Annotated[Parameter[float], Bounds(0, 10000)]
    """Events per second."""
    mean_us: Annotated[Parameter[float], Bounds(0, 1e6)]
    """Mean length of one."""


class Noise(Group):
    """What spreads the samples, by cause; each can be switched off."""

    run_scattered_pct: Percent
    """Between runs, one standard deviation: frames scattered (order-0 folios)."""
    run_contiguous_pct: Percent
    """Between runs, one standard deviation: contiguous frames (large folios)."""
    iteration_pct: Percent
    """Between the iterations of a run, one standard deviation."""
    tick_jitter_us: Annotated[Parameter[float], Bounds(0, 1000)]
    """Standard deviation of one timer tick."""
    vm_steal: VmSteal
