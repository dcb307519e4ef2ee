"""The copy loops that batch by folio, from Ryan Roberts' v3 of December 2023 to v7.2.

Each is :func:`copy_batched` with a :class:`Batching` of its own.
"""

from __future__ import annotations

from costmodel.operations.fork.batching import Batching, copy_batched
from costmodel.operations.fork.mm import ForkOperation
from costmodel.operations.shared.entry import Steps

_PROTOTYPE = Batching(whole_entry=True, looks_past_folio=True)
_V6_9 = Batching(looks_past_folio=True)


def scan_v3(fork: ForkOperation) -> Steps:
    """Copy as Ryan Roberts' v3: scan up to the folio's end, then per-page loops."""
    return copy_batched(fork, Batching())


def prototype(fork: ForkOperation) -> Steps:
    """Copy as David Hildenbrand's prototype of 20 December 2023: all bits but the frame match."""
    return copy_batched(fork, _PROTOTYPE)


def off_by_one(fork: ForkOperation) -> Steps:
    """Copy as the prototype a day earlier, which is broken.

    Its scan stops on the folio's last page, not behind it, so the next scan begins at that page and
    runs on into the next folio.
    """
    return copy_batched(fork, Batching(whole_entry=True, looks_past_folio=True, stops_on_last=True))


def v6_9(fork: ForkOperation) -> Steps:
    """Copy as merged in v6.9: the scan reads one entry behind the folio."""
    return copy_batched(fork, _V6_9)


def v6_12(fork: ForkOperation) -> Steps:
    """Copy as v6.12: the scan is clamped to the folio, ``_large_mapcount`` is kept."""
    return copy_batched(fork, Batching(counts_large=True))


def v7_2(fork: ForkOperation) -> Steps:
    """Copy as v7.2: a large folio keeps who maps it, behind a lock around its mapcount.

    Under that lock plain stores change ``_large_mapcount``. They are part of the recorded steps
    around them, so ``counts_large``, which stands for an atomic, is not set.
    """
    return copy_batched(fork, Batching())


def contpte_basic_v5(fork: ForkOperation) -> Steps:
    """Copy contiguous blocks without batch helpers: gather on each read, unfold to protect."""
    return copy_batched(fork, Batching(looks_past_folio=True, gathers=True, protects_blocks=False))


def contpte_no_hint(fork: ForkOperation) -> Steps:
    """Write-protect in batches, but ``ptep_get()`` on every entry: 16 x 16 reads per block."""
    return copy_batched(fork, Batching(looks_past_folio=True, gathers=True))


def contpte_noyoungdirty(fork: ForkOperation) -> Steps:
    """Copy with ``ptep_get_noyoungdirty()``: each entry is read once, no block is gathered."""
    return copy_batched(fork, Batching(looks_past_folio=True))


def contpte_v6_9(fork: ForkOperation) -> Steps:
    """Copy as v6.9 with contiguous blocks: ``pte_batch_hint()`` steps over whole blocks."""
    return copy_batched(fork, Batching(looks_past_folio=True, gathers=True, hints=True))


def contpte_v6_12(fork: ForkOperation) -> Steps:
    """Copy as v6.12 with contiguous blocks."""
    return copy_batched(fork, Batching(counts_large=True, gathers=True, hints=True))


def contpte_v7_2(fork: ForkOperation) -> Steps:
    """Copy as v7.2 with contiguous blocks."""
    return copy_batched(fork, Batching(gathers=True, hints=True))
