"""Checks what an emulated unmap leaves, as ``costmodel check`` does for strategies of zap."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from costmodel.checking.check import CheckReport, check_strategy
from costmodel.checking.run import Subject
from costmodel.emulation.guarantees import lay, layouts, read_entries
from costmodel.emulation.kernel import EmulatedKernel, Process
from costmodel.mm.folio import Folio
from costmodel.mm.pte import PFN_SHIFT
from costmodel.mm.violations import Guarantee, Violation, plural
from costmodel.operations.zap.mm import ZapOperation

_SHRINKING: Final = 40
"""Emulations that looking for a small layout may take for each guarantee."""


def check_unmap(kernel: EmulatedKernel, name: str) -> CheckReport:
    """Unmap small processes in the emulated kernel; report every guarantee that it breaks.

    Guaranteed are: all entries are cleared; references and mapping counts have fallen by the number
    of entries; a flush was asked for everything that was unmapped; no reference was dropped before
    that flush; every page without users was given to the allocator once. Resident-set counters are
    not checked: they are updated outside the loop.
    """
    subject = Subject(
        name, _Emulated(kernel), "zap", contpte=bool(kernel.facts["contpte"]), flushes=False
    )
    return check_strategy(subject, layouts(), budget=_SHRINKING)


class _Emulated:
    """A strategy that lets the emulated kernel do the work."""

    def __init__(self, kernel: EmulatedKernel) -> None:
        self.kernel = kernel

    def __call__(self, zap: ZapOperation) -> Iterator[Any]:
        """Put the kernel's outcome into ``zap``; yields nothing."""
        kernel, call = self.kernel, self.kernel.emulator.call
        kernel.reset()
        for vma in zap.space.vmas:
            process = kernel.process(vma.end - vma.start, vma.start)
            folios = lay(kernel, process, zap, zap.space)
            if any(max(folio.mapcount) > 1 for folio in folios):
                kernel.fork(kernel.process(process.pages, vma.start), process)
            held = {folio: _references(kernel, folio) for folio in folios}
            call("cm_gather_begin", process.vma, 0)
            call("cm_unmap", process.vma)
            zap.faults += _too_early(kernel, process, held)
            for folio in folios:
                _read_mappings(kernel, folio, zap)
            call("cm_flushed")
            free = call("cm_free_pages")
            call("cm_release")
            for folio in folios:
                folio.refcount = _references(kernel, folio)
                folio.freed = int(folio.refcount <= 0 < held[folio])
            zap.faults += _freed_otherwise(folios, call("cm_free_pages") - free)
            read_entries(kernel, process, zap.space, range(vma.start, vma.end))
            zap.space.rss.clear()
        return iter(())


def _references(kernel: EmulatedKernel, folio: Folio) -> int:
    return kernel.count("refcount", folio.first_pfn)


def _too_early(
    kernel: EmulatedKernel, process: Process, held: dict[Folio, int]
) -> Iterator[Violation]:
    """Report references that were dropped before the flush that they have to wait for."""
    if not kernel.emulator.call("cm_asks_flush", process.vma):
        what = "no flush is asked for all that was unmapped"
        yield Violation(Guarantee.STALE_TLB, "unmap", what)
    for folio, references in held.items():
        dropped = references - _references(kernel, folio)
        if dropped:
            what = f"{plural(dropped, 'reference')} dropped before the TLB is flushed"
            yield _violation(folio, what)


def _freed_otherwise(folios: list[Folio], pages: int) -> Iterator[Violation]:
    """Report if the allocator got other pages than exactly those that have no users left."""
    wanted = sum(folio.pages for folio in folios if folio.freed)
    if pages != wanted:
        what = f"the allocator got {plural(pages, 'page')}, but {wanted} have no users left"
        for folio in folios:
            yield _violation(folio, what)


def _read_mappings(kernel: EmulatedKernel, folio: Folio, zap: ZapOperation) -> None:
    if folio.order == 0 or kernel.facts["page_mapcounts"]:
        pages = range(folio.first_pfn, folio.first_pfn + folio.pages)
        folio.mapcount = [kernel.count("mapcount", page) for page in pages]
    else:  # this kernel counts the mappings of a folio alone
        for _, pte in zap.space.entries():
            if zap.folio_of(pte) is folio:
                folio.mapcount[folio.page(pte >> PFN_SHIFT)] -= 1
    if folio.order and kernel.facts["large_mapcount"]:
        zap.keeps_large_mapcount = True
        folio.large_mapcount = kernel.count("large_mapcount", folio.first_pfn)


def _violation(folio: Folio, what: str) -> Violation:
    frames = range(folio.first_pfn, folio.first_pfn + folio.pages)
    return Violation(Guarantee.FREED, str(folio), what, pfns=frames)
