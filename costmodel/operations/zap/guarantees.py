"""Compares what an unmap left behind with the guarantees of the kernel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from costmodel.mm.address_space import Rss
from costmodel.mm.build import Memory, page_of
from costmodel.mm.folio import Folio
from costmodel.mm.pte import CONT, DIRTY, HUGE, PFN_SHIFT, SWAP, YOUNG
from costmodel.mm.sanity import check_cont, check_tlb
from costmodel.mm.violations import Guarantee, Violation
from costmodel.operations.shared.counts import large_mapcount_is_kept
from costmodel.operations.shared.pmd import check_deposits
from costmodel.operations.zap.mm import ZapOperation


def check_zap(before: Memory, zap: ZapOperation) -> list[Violation]:
    """Return a violation for every guarantee that a finished unmap of everything broke.

    ``before`` is the process before it (``memory.copy()``). The list is empty if all is correct.
    """
    found = [
        *zap.faults,
        *_check_entries(zap),
        *check_cont("table", zap.space, zap.frames),
        *_check_folios(before, zap),
        *_check_counters(before, zap),
        *check_tlb(zap.tlb),
        *check_deposits("unmapped", zap.space),
    ]
    return list(dict.fromkeys(found))


def _check_entries(zap: ZapOperation) -> Iterator[Violation]:
    """Check that no entry is left in any mapping."""
    for vpn, _ in zap.space.entries():
        yield Violation(Guarantee.PARENT_PTE, f"page {vpn}", "entry is still there",
                        range(vpn, vpn + 1))  # fmt: skip


def _gathered_entries(before: Memory) -> Iterator[int]:
    """Iterate over all entries with dirty and young of their cont block, without cont bit."""
    for vpn, _ in before.space.entries():
        yield before.space.gathered(vpn) & ~CONT


def _check_folios(before: Memory, zap: ZapOperation) -> Iterator[Violation]:
    """Check counters and freeing of every folio; dirty and access bits where it is of a file."""
    mapped: Counter[tuple[int, int]] = Counter()
    entire: Counter[int] = Counter()
    dirty: set[int] = set()
    young: set[int] = set()
    for pte in _gathered_entries(before):
        found = page_of(before, pte)
        if found is not None:
            if pte & HUGE:
                entire[found[0].first_pfn] += 1
            else:
                mapped[found[0].first_pfn, found[1]] += 1
            if pte & DIRTY and not found[0].anon:
                dirty.add(found[0].first_pfn)
            if pte & YOUNG and not found[0].anon:
                young.add(found[0].first_pfn)
    keeps_large = large_mapcount_is_kept(before, zap)
    for was in before.frames:
        now = zap.frames.find(was.first_pfn)
        assert now is not None
        gone = [mapped[was.first_pfn, page] for page in range(was.pages)]
        yield from _check_folio(was, now, gone, entire[was.first_pfn], large=keeps_large(was))
        if was.first_pfn in dirty and not now.dirty:
            yield _violation(Guarantee.DIRTY, was, "dirty bit of an entry is lost with it")
        if was.first_pfn in young and not (now.referenced or now.active):
            yield _violation(Guarantee.ACCESSED, was, "access bit of an entry is lost with it")


def _check_folio(
    was: Folio, now: Folio, gone: list[int], entire: int, *, large: bool
) -> Iterator[Violation]:
    total = sum(gone) + entire
    left = was.refcount - total
    if now.refcount != left:
        text = f"refcount fell by {was.refcount - now.refcount}, but {total} entries are gone"
        yield _violation(Guarantee.REFCOUNT, was, text)
    if now.freed != (1 if total and not left else 0):
        yield _violation(Guarantee.FREED, was, f"freed {now.freed} times with {left} users left")
    if now.mapcount != [count - less for count, less in zip(was.mapcount, gone, strict=True)]:
        yield _violation(Guarantee.MAPCOUNT, was, "mapcounts differ from the entries left")
    if now.entire_mapcount != was.entire_mapcount - entire:
        text = f"entire mapcount is {now.entire_mapcount}, but {entire} PMDs are gone"
        yield _violation(Guarantee.MAPCOUNT, was, text)
    want = was.large_mapcount - (total if large and was.order else 0)
    if now.large_mapcount != want:
        text = f"large mapcount is {now.large_mapcount}, should be {want}"
        yield _violation(Guarantee.MAPCOUNT, was, text)


def _check_counters(before: Memory, zap: ZapOperation) -> Iterator[Violation]:
    """Check rss and swap users."""
    for counter in Rss:
        if zap.space.rss[counter]:
            text = f"{counter.value} rss is {zap.space.rss[counter]} at the end"
            yield Violation(Guarantee.RSS, "unmapped", text)
    users = before.frames.swap_count.copy()
    for _, pte in before.space.entries():
        if pte & SWAP:
            users[pte >> PFN_SHIFT] -= 1
    for offset, want in users.items():
        got = zap.frames.swap_count[offset]
        if got != want:
            text = f"swap entry has {got} users, should have {want}"
            yield Violation(Guarantee.SWAP, f"swap offset {offset}", text)


def _violation(guarantee: Guarantee, folio: Folio, text: str) -> Violation:
    frames = range(folio.first_pfn, folio.first_pfn + folio.pages)
    return Violation(guarantee, str(folio), text, pfns=frames)
