"""The primitives that all page-table operations share: counters of folios, TLB flushes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

from costmodel.mm.address_space import AddressSpace, Vma
from costmodel.mm.folio import Folio, FrameTable
from costmodel.mm.pte import PFN_SHIFT, PRESENT, SPECIAL
from costmodel.mm.tlb import TlbView
from costmodel.mm.violations import Guarantee, Violation, plural, span


class TableOperation:
    """The base class of operations that are under way.

    ``contpte`` says whether the kernel uses the contiguous bit. ``frames`` holds all folios and
    ``tlb`` what TLBs may hold. ``faults`` collects what goes wrong during the operation, in order;
    checks afterwards find what is wrong with the outcome. ``pmds_are_taken``: the strategy has
    asked for the PMDs that map folios, so it handles them itself. ``keeps_large_mapcount``: the
    kernel is known to keep that counter; else it does if it ever changes it. ``skip`` yields what
    the kernel executes for the empty entry of a slot: nothing, unless a trace is made.
    """

    def __init__(self, frames: FrameTable, tlb: TlbView, *, contpte: bool = False) -> None:
        """Prepare an operation on the address space whose TLB entries ``tlb`` tracks."""
        self.frames = frames
        self.tlb = tlb
        self.contpte = contpte
        self.faults: list[Violation] = []
        self.pmds_are_taken = False
        self.keeps_large_mapcount = False
        self.skip: Callable[[int], Generator[Any, Any, None]] = _nothing
        self._batch_count = 1
        self._batch_first = -1
        self._overrun_at = -1

    def take_pmds(self, space: AddressSpace, vmas: Iterable[Vma]) -> Iterator[tuple[Vma, int]]:
        """Yield the PMDs that map folios by their numbers, each with its mapping.

        From now on the strategy handles them: the kernel's own code does not.
        """
        self.pmds_are_taken = True
        mapped = {number for number, _ in space.pmds.huge()}
        for vma in vmas:
            for number in vma.whole_tables():
                if number in mapped:
                    yield vma, number

    def folio_of(self, pte: int) -> Folio | None:
        """Return the folio behind an entry, as ``vm_normal_page()`` does.

        None for an entry that is special or not present.
        """
        if pte & SPECIAL or not pte & PRESENT:
            return None
        return self.frames.find(pte >> PFN_SHIFT)

    def folio_get(self, folio: Folio, count: int = 1) -> None:
        """Take ``count`` references by one atomic; the batch that follows has ``count`` entries."""
        folio.refcount += count
        self._batch_count = count
        self._batch_first = self._overrun_at = -1

    def folio_put(self, folio: Folio, count: int = 1) -> None:
        """Drop ``count`` references by one atomic, without freeing the folio."""
        folio.refcount -= count

    def mapcount_add(self, folio: Folio, page: int, delta: int = 1) -> None:
        """Add ``delta`` to the ``_mapcount`` of one page by one atomic.

        ``page`` counts from the folio's first. One behind its end changes the next folio, as in the
        kernel, and is reported as a fault.
        """
        if self._batch_first < 0:
            self._batch_first = page
        if page < folio.pages:
            folio.mapcount[page] += delta
            return
        self._overrun_page(folio, page)
        neighbour = self.frames.find(folio.first_pfn + page)
        if neighbour is not None:
            neighbour.mapcount[neighbour.page(folio.first_pfn + page)] += delta

    def large_mapcount_add(self, folio: Folio, delta: int) -> None:
        """Add ``delta`` to ``_large_mapcount`` by one atomic; for large folios, from v6.10 on.

        A strategy that never does so stands for a kernel without the counter.
        """
        folio.large_mapcount += delta

    def entire_mapcount_add(self, folio: Folio, delta: int = 1) -> None:
        """Add ``delta`` to the ``_entire_mapcount``, which counts PMDs, by one atomic."""
        folio.entire_mapcount += delta

    def is_exclusive(self, folio: Folio, page: int) -> bool:
        """Tell whether one page has the anon-exclusive mark: it belongs to one process alone."""
        if page < folio.pages:
            return folio.exclusive[page]
        neighbour = self.frames.find(folio.first_pfn + page)
        return neighbour is not None and neighbour.exclusive[neighbour.page(folio.first_pfn + page)]

    def clear_exclusive(self, folio: Folio, page: int) -> None:
        """Clear the anon-exclusive mark of one page by one atomic."""
        if page < folio.pages:
            folio.exclusive[page] = False
            return
        neighbour = self.frames.find(folio.first_pfn + page)
        if neighbour is not None:
            neighbour.exclusive[neighbour.page(folio.first_pfn + page)] = False

    def dsb(self) -> None:
        """Complete the invalidations issued so far."""
        self.tlb.synchronise()

    def finish(self) -> None:
        """Do what the caller of the loop does at the end: by default one flush of everything."""
        self.final_flush()

    def final_flush(self) -> None:
        """Flush the whole address space, as the kernel does once at the end of the operation."""
        self.tlb.invalidate_all()
        self.tlb.synchronise()

    def _check_batch(self, folio: Folio, first_page: int, count: int) -> bool:
        """Tell whether a batch stays in its folio; report a fault if not."""
        if first_page + count <= folio.pages:
            return True
        self._overrun(folio, first_page, count)
        return False

    def _overrun_page(self, folio: Folio, page: int) -> None:
        """Report once that the batch of the last ``folio_get`` leaves its folio."""
        if self._overrun_at >= 0:
            del self.faults[self._overrun_at]
        self._overrun_at = len(self.faults)
        first = self._batch_first
        self._overrun(folio, first, max(self._batch_count, page - first + 1))

    def _overrun(self, folio: Folio, first_page: int, count: int) -> None:
        """Report a batch that counts pages of the next folio as pages of this one."""
        inside = max(0, folio.pages - first_page)
        over = count - inside
        skipped = max(0, first_page - folio.pages)
        pages = f"{'page' if over == 1 else 'pages'} {span(skipped, over)}"
        what = (
            f"batch of {plural(count, 'PTE')} on an order-{folio.order} folio at index "
            f"{first_page}: {pages} of the next folio counted to this one"
        )
        frames = range(folio.first_pfn + first_page, folio.first_pfn + first_page + count)
        where = f"{'frame' if count == 1 else 'frames'} {span(frames.start, count)}"
        self.faults.append(Violation(Guarantee.BATCH, where, what, pfns=frames))


def _nothing(_: int) -> Generator[Any, Any, None]:
    yield from ()
