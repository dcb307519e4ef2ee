"""What the creation of a process costs outside the copy loop, and what each of its VMAs costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from costmodel.operations.protocol import OutsideCost
from costmodel.units import PS_PER_NS, PS_PER_US

if TYPE_CHECKING:
    from costmodel.config.machine import Machine

FORK_FIXED: Final = "fork_fixed"
"""Cause, in CPI stacks, of the time of fork() outside the copy loop: the task, the mm, and the VMAs
of a small program."""
FORK_VMAS: Final = "fork_vmas"
"""Cause, in CPI stacks, of the copying of more VMAs than a small program has."""
SMALL_VMAS: Final = 20
"""VMAs of a small program with its libraries, whose copying the fixed time contains."""
LIFE_KEYS: Final = (
    "kernel.exit_vma_ns",
    "kernel.exit_wait_pct",
    "kernel.exec_pct",
    "kernel.mm_cpu_ns",
)
"""Numbers of machine files that only the operation ``spawn``, a whole life of a process, uses."""
VMA_KEYS: Final = ("kernel.fork_vma_ns", "kernel.vma_insert_ns")
"""Numbers of machine files that the copying of VMAs uses."""
_INSERT: Final = frozenset({
    "v6.7", "folio-scan-v3", "arch-batch-runtime", "arch-batch-const1", "contpte-per-pte",
    "contpte-arch-batch", "folio-batch-prototype", "folio-batch-off-by-one",
})  # fmt: skip
"""Strategies of kernels that insert the child's VMAs into its tree one by one; v6.8 and later copy
the tree as a whole."""


def with_vmas(
    vmas: int | None, vma_ns: float, vmas_cause: str, *, fixed_ps: int, fixed_cause: str
) -> dict[str, int]:
    """Return a fixed cost and that of a process's VMAs, picoseconds by cause.

    ``vmas`` is their number, None for those of a small program, which the fixed cost contains.
    Fewer save time, at most half of the fixed time.
    """
    further = 0 if vmas is None else vmas - SMALL_VMAS
    vmas_ps = round(vma_ns * further * PS_PER_NS)
    if further > 0:
        return {fixed_cause: fixed_ps, vmas_cause: vmas_ps}
    return {fixed_cause: fixed_ps + max(vmas_ps, -fixed_ps // 2)}


def beginning(machine: Machine, vmas: int | None, strategy: str) -> OutsideCost:
    """Return the cost of fork() without its copy loop.

    ``vmas`` is that of :func:`with_vmas`. ``strategy`` is the name that tells the kernel.
    """
    kernel = machine.kernel
    fixed_ps = round(kernel.fork_fixed_us.value * PS_PER_US)
    inserts = strategy.partition("@")[0] in _INSERT
    vma_ns = kernel.fork_vma_ns.value + (kernel.vma_insert_ns.value if inserts else 0.0)
    return OutsideCost(
        with_vmas(vmas, vma_ns, FORK_VMAS, fixed_ps=fixed_ps, fixed_cause=FORK_FIXED)
    )
