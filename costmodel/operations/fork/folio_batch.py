"""The batching strategies by folio, from Ryan Roberts' v3 to what was merged."""

from __future__ import annotations

from costmodel.operations.fork.batching import Batching, copy_batched
from costmodel.operations.fork.mm import ForkOperation
from costmodel.operations.shared.entry import Steps

_PROTOTYPE = Batching(whole_entry=True, looks_past_folio=True)
_V6_9 = Batching(looks_past_folio=True)


def scan_v3(fork: ForkOperation) -> Steps:
    """Ryan Roberts' v3: scan up to the folio's end, then per-page loops."""
    return copy_batched(fork, Batching())


def prototype(fork: ForkOperation) -> Steps:
    """David Hildenbrand's prototype of 20 December 2023: every bit but the frame must match."""
    return copy_batched(fork, _PROTOTYPE)


def off_by_one(fork: ForkOperation) -> Steps:
    """The prototype a day earlier: its scan stops on the folio's last page, so the next runs on."""
    return copy_batched(fork, Batching(whole_entry=True, looks_past_folio=True, stops_on_last=True))


def v6_9(fork: ForkOperation) -> Steps:
    """As merged in v6.9."""
    return copy_batched(fork, _V6_9)


def v6_12(fork: ForkOperation) -> Steps:
    """v6.12: the scan is clamped to the folio, ``_large_mapcount`` is kept."""
    return copy_batched(fork, Batching(counts_large=True))


def contpte_basic_v5(fork: ForkOperation) -> Steps:
    """Contiguous blocks without batch helpers: gather on every read, unfold to write-protect."""
    return copy_batched(fork, Batching(looks_past_folio=True, gathers=True, protects_blocks=False))


def contpte_no_hint(fork: ForkOperation) -> Steps:
    """Batched write-protect, but ``ptep_get()`` on every entry: 16 x 16 reads per block."""
    return copy_batched(fork, Batching(looks_past_folio=True, gathers=True))


def contpte_noyoungdirty(fork: ForkOperation) -> Steps:
    """``ptep_get_noyoungdirty()``: every entry is read once, its block's bits are not gathered."""
    return copy_batched(fork, Batching(looks_past_folio=True))


def contpte_v6_9(fork: ForkOperation) -> Steps:
    """As merged in v6.9 with contiguous blocks: ``pte_batch_hint()`` steps over whole blocks."""
    return copy_batched(fork, Batching(looks_past_folio=True, gathers=True, hints=True))


def contpte_v6_12(fork: ForkOperation) -> Steps:
    """v6.12 with contiguous blocks."""
    return copy_batched(fork, Batching(counts_large=True, gathers=True, hints=True))
