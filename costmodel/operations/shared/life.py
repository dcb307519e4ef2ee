"""What a process costs beside its page tables: its VMAs, its beginning, its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from costmodel.operations.protocol import OutsideCost
from costmodel.units import PS_PER_NS, PS_PER_US

if TYPE_CHECKING:
    from costmodel.config.machine import Machine

FORK_FIXED: Final = "fork_fixed"
"""Cause of the time of fork() outside the copy loop: task, mm, the VMAs of a small program."""
FORK_VMAS: Final = "fork_vmas"
"""Cause of the copying of further VMAs."""
SMALL_VMAS: Final = 20
"""VMAs of a small program with its libraries: those that the fixed time holds."""
LIFE_KEYS: Final = (
    "kernel.exit_vma_ns",
    "kernel.exit_wait_pct",
    "kernel.exec_pct",
    "kernel.mm_cpu_ns",
)
"""Numbers of machine files that only the whole life of a process needs."""
VMA_KEYS: Final = ("kernel.fork_vma_ns", "kernel.vma_insert_ns")
"""Numbers that the copying of VMAs needs."""
_INSERT: Final = frozenset({
    "v6.7", "folio-scan-v3", "arch-batch-runtime", "arch-batch-const1", "contpte-per-pte",
    "contpte-arch-batch", "folio-batch-prototype", "folio-batch-off-by-one",
})  # fmt: skip
"""Strategies of kernels that put the child's VMAs into its tree one by one: those before v6.8."""


def further_vmas(vmas: int | None) -> int:
    """Return how many VMAs a process has beyond a small one's; less than 0 for fewer."""
    return 0 if vmas is None else vmas - SMALL_VMAS


def beginning(machine: Machine, vmas: int | None, strategy: str) -> OutsideCost:
    """Return fork() without its copy loop; ``strategy`` tells the kernel.

    A process of fewer VMAs than a small program takes less, as far as the fixed time reaches.
    """
    kernel = machine.kernel
    fixed_ps = round(kernel.fork_fixed_us.value * PS_PER_US)
    further = further_vmas(vmas)
    if not further:
        return OutsideCost({FORK_FIXED: fixed_ps})
    inserts = strategy.partition("@")[0] in _INSERT
    vma_ns = kernel.fork_vma_ns.value + (kernel.vma_insert_ns.value if inserts else 0.0)
    vmas_ps = round(vma_ns * further * PS_PER_NS)
    return OutsideCost({FORK_FIXED: fixed_ps, FORK_VMAS: max(vmas_ps, -fixed_ps // 2)})
