"""Checks what an emulated mprotect() leaves, as ``costmodel check`` does for strategies of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from costmodel.checking.check import CheckReport, check_strategy
from costmodel.checking.run import Subject
from costmodel.emulation.guarantees import lay, layouts, read_counts, read_entries
from costmodel.emulation.kernel import EmulatedKernel
from costmodel.mm.violations import Guarantee, Violation
from costmodel.operations.mprotect.mm import MprotectOperation

_SHRINKING: Final = 40
"""Emulations that looking for a small layout may take for each guarantee."""
_WRITABLE: Final = 2
WRITE_PROTECT: Final = "cm_write_protect"
"""The function of the set-up that kernels with userfaultfd have."""


def check_mprotect(kernel: EmulatedKernel, name: str) -> CheckReport:
    """Take rights away from small processes and give them back; report what breaks a guarantee.

    Guaranteed are: the rights that were asked for, no more, and only for pages of this process
    alone; frame, dirty and young bit of every entry; references, mappings and exclusive marks of
    every page; the number of changed entries that the kernel reports; the uffd-wp bit, where the
    kernel has userfaultfd. TLB flushes are not checked: the caller of the loop makes them.
    """
    contpte = bool(kernel.facts["contpte"])
    subject = Subject(name, _Emulated(kernel), "mprotect", contpte=contpte, flushes=False)
    both_ways = [*layouts(), *(layout.protected() for layout in layouts())]
    if WRITE_PROTECT in kernel.image.symbols:
        both_ways += [layout.write_protecting(protects=True) for layout in layouts()]
        tracked = (layout.write_protected() for layout in layouts())
        both_ways += [layout.write_protecting(protects=False) for layout in tracked]
    return check_strategy(subject, both_ways, budget=_SHRINKING, as_given=True)


class _Emulated:
    """A strategy that lets the emulated kernel do the work."""

    def __init__(self, kernel: EmulatedKernel) -> None:
        self.kernel = kernel

    def __call__(self, mprotect: MprotectOperation) -> Iterator[Any]:
        """Put the kernel's outcome into ``mprotect``; yields nothing."""
        kernel, call = self.kernel, self.kernel.emulator.call
        kernel.reset()
        for vma in mprotect.space.vmas:
            process = kernel.process(vma.end - vma.start, vma.start)
            folios = lay(kernel, process, mprotect, mprotect.space)
            if any(max(folio.mapcount) > 1 for folio in folios):
                kernel.fork(kernel.process(process.pages, vma.start), process)
            if vma.write_protects is not None:
                if not vma.write_protects:  # it was protected before
                    call(WRITE_PROTECT, process.vma, 1)
                changed = call(WRITE_PROTECT, process.vma, int(vma.write_protects))
            else:
                if vma.writable:  # its rights were taken away before
                    call("cm_protect", process.vma, 0)
                changed = call("cm_protect", process.vma, _WRITABLE * vma.writable)
            if changed != process.pages:
                what = f"{changed} changed entries reported, but {process.pages} must change"
                mprotect.faults.append(Violation(Guarantee.PROTECTION, "mapping", what))
            read_entries(kernel, process, mprotect.space, range(vma.start, vma.end))
            for folio in folios:
                read_counts(kernel, folio)
        return iter(())
