"""Checks the page tables and counts that an emulated kernel leaves, as ``costmodel check`` does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from costmodel.checking.check import CheckReport, check_strategy
from costmodel.checking.run import Subject
from costmodel.emulation.kernel import EmulatedKernel, Process
from costmodel.mm.address_space import AddressSpace, Rss
from costmodel.mm.folio import Folio
from costmodel.mm.layout import Area, Content, Layout, Piece
from costmodel.mm.operation import TableOperation
from costmodel.mm.pte import CONT, DIRTY, PFN_SHIFT, PRESENT, UFFD_WP, WRITE, YOUNG, make_pte
from costmodel.operations.fork.mm import ForkOperation

_FLAGS: Final = {1: PRESENT, 2: WRITE, 4: DIRTY, 8: YOUNG, 32: CONT, 64: UFFD_WP}
"""Bits of :meth:`EmulatedKernel.entry` to those of the model."""
_SHRINKING: Final = 40
"""How many emulations may be spent on finding a smaller layout that breaks a guarantee."""


def check_kernel(kernel: EmulatedKernel, name: str) -> CheckReport:
    """Fork small processes in the emulated kernel; report every guarantee that it breaks.

    Not checked: resident-set counters and TLB invalidations, which lie outside the copied loop.
    """
    _run_once(kernel)
    subject = Subject(name, _Emulated(kernel), contpte=bool(kernel.facts["contpte"]), flushes=False)
    return check_strategy(subject, layouts(), budget=_SHRINKING)


def layouts() -> list[Layout]:
    """Return layouts on which a wrong start, end or count of a batch shows."""
    mixed = [(0, 0, 3), (4, 0, 16), (0, 0, 2), (2, 1, 3), (3, 0, 5), (4, 2, 14), (4, 0, 16)]
    return [
        _layout("order-0 pages", [(0, 0, 24)]),
        _layout("order-4 folios", [(4, 0, 16)] * 3),
        _layout("order-2 folios", [(2, 0, 4)] * 9),
        _layout("mixed folios, some in part", mixed),
        _layout("mixed folios, forked before", mixed, elsewhere=True),
        _layout("an order-9 folio across two tables", [(9, 0, 512)], start=256),
    ]


def _layout(
    name: str, folios: list[tuple[int, int, int]], *, start: int = 0, elsewhere: bool = False
) -> Layout:
    pieces = [
        Piece(Content.PAGES, count, order, first, elsewhere=elsewhere)
        for order, first, count in folios
    ]
    return Layout(name, (Area(tuple(pieces)),), start)


def _run_once(kernel: EmulatedKernel) -> None:
    """Copy one page; raises ConfigError where the object cannot be run at all."""
    parent, child = kernel.process(1), kernel.process(1)
    kernel.folio(parent, 0, 0)
    kernel.map(parent, 0, 0, 1)
    kernel.fork(child, parent)


class _Emulated:
    """A strategy that lets the emulated kernel do the work."""

    def __init__(self, kernel: EmulatedKernel) -> None:
        self.kernel = kernel

    def __call__(self, fork: ForkOperation) -> Iterator[Any]:
        """Put the kernel's outcome into ``fork``; yields nothing."""
        kernel = self.kernel
        kernel.reset()
        for vma in fork.parent.vmas:
            parent = kernel.process(vma.end - vma.start, vma.start)
            folios = lay(kernel, parent, fork, fork.parent)
            if any(max(folio.mapcount) > 1 for folio in folios):
                kernel.fork(kernel.process(parent.pages, vma.start), parent)
            child = kernel.process(parent.pages, vma.start)
            result = kernel.fork(child, parent)
            if result:
                raise RuntimeError(f"copy_page_range() returns {result}")
            for space, process in ((fork.parent, parent), (fork.child, child)):
                read_entries(kernel, process, space, range(vma.start, vma.end))
            for folio in folios:
                _read_forked(kernel, folio, fork)
            fork.child.rss[Rss.ANON] = sum(1 for _ in fork.child.entries())
        return iter(())


def lay(
    kernel: EmulatedKernel, process: Process, operation: TableOperation, space: AddressSpace
) -> list[Folio]:
    """Map the folios of the model's address space in the emulated kernel, too; return them."""
    for folio in operation.frames:
        kernel.folio(process, folio.first_pfn, folio.order)
    runs: list[tuple[Folio, int, int, int]] = []  # folio, page, frame, entries
    for vpn, pte in space.entries():
        found = operation.folio_of(pte)
        assert found is not None
        frame = pte >> PFN_SHIFT
        if runs and runs[-1][0] is found and runs[-1][2] + runs[-1][3] == frame:
            folio, first, start, count = runs[-1]
            runs[-1] = (folio, first, start, count + 1)
        else:
            runs.append((found, vpn, frame, 1))
    for _, page, frame, count in runs:
        kernel.map(process, page, frame, count)
    return list(operation.frames)


def read_entries(
    kernel: EmulatedKernel, process: Process, space: AddressSpace, pages: range
) -> None:
    """Copy the emulated kernel's entries of ``pages`` into an address space of the model."""
    for page in pages:
        value = kernel.entry(process, page)
        flags = sum(model for bit, model in _FLAGS.items() if value & bit)
        if value or space.get(page):
            space.put(page, make_pte(value >> 8, flags) if value & 1 else value)


def read_counts(kernel: EmulatedKernel, folio: Folio) -> None:
    """Copy the counts of a folio from the emulated kernel.

    Of kernels that count the mappings of a large folio alone, those of its pages are left alone.
    """
    folio.refcount = kernel.count("refcount", folio.first_pfn)
    pages = range(folio.first_pfn, folio.first_pfn + folio.pages)
    folio.exclusive = [bool(kernel.count("exclusive", page)) for page in pages]
    if folio.order == 0 or kernel.facts["page_mapcounts"]:
        folio.mapcount = [kernel.count("mapcount", page) for page in pages]


def _read_forked(kernel: EmulatedKernel, folio: Folio, fork: ForkOperation) -> None:
    read_counts(kernel, folio)
    if folio.order and not kernel.facts["page_mapcounts"]:
        for pte in (pte for _, pte in fork.child.entries() if fork.folio_of(pte) is folio):
            folio.mapcount[folio.page(pte >> PFN_SHIFT)] += 1
    if folio.order and kernel.facts["large_mapcount"]:
        fork.keeps_large_mapcount = True
        folio.large_mapcount = kernel.count("large_mapcount", folio.first_pfn)
