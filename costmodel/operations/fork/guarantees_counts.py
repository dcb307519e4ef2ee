"""Checks the counters of folios and swap entries after a fork."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from costmodel.mm.build import Memory, page_of
from costmodel.mm.folio import Folio
from costmodel.mm.violations import Guarantee, Violation, plural, span
from costmodel.operations.fork.expectation import Expectation
from costmodel.operations.fork.mm import ForkOperation
from costmodel.operations.shared.counts import large_mapcount_is_kept


def check_counts(before: Memory, fork: ForkOperation, expected: Expectation) -> Iterator[Violation]:
    """Yield a violation for every wrong counter of old folios, new copies and swap entries."""
    pinned = {slot.before for slot in expected.slots if slot.copied}
    copied = {page_of(before, pte) for pte in pinned}
    keeps_large = large_mapcount_is_kept(before, fork)
    for was in before.frames:
        now = fork.frames.find(was.first_pfn)
        assert now is not None
        raised = [expected.mapped[was.first_pfn, page] for page in range(was.pages)]
        entire = expected.entire[was.first_pfn]
        yield from _check_folio(was, now, raised, entire, large=keeps_large(was))
        raised = [times + entire for times in raised]
        kept = [page for folio, page in filter(None, copied) if folio is was]
        yield from _check_exclusive(was, now, raised, kept)
    yield from _check_new(before, fork)
    for offset, users in expected.swap.items():
        got, want = fork.frames.swap_count[offset], before.frames.swap_count[offset] + users
        if got != want:
            what = f"swap entry has {got} users, but {want} entries hold it"
            yield Violation(Guarantee.SWAP, f"swap offset {offset}", what)


def _check_folio(
    was: Folio, now: Folio, raised: list[int], entire: int, *, large: bool
) -> Iterator[Violation]:
    """Check the counters of one folio against its state before; PMDs map it ``entire`` times."""
    frames = range(was.first_pfn, was.first_pfn + was.pages)
    total = sum(raised) + entire
    if now.entire_mapcount != was.entire_mapcount + entire:
        got = now.entire_mapcount - was.entire_mapcount
        what = f"entire mapcount rose by {got}, not by {plural(entire, 'PMD')} of the child"
        yield Violation(Guarantee.MAPCOUNT, str(was), what, pfns=frames)
    if now.refcount != was.refcount + total:
        yield Violation(
            Guarantee.REFCOUNT,
            str(was),
            f"refcount rose by {now.refcount - was.refcount}, but by {total} entries",
            pfns=frames,
        )
    wrong = [
        page for page in range(was.pages) if now.mapcount[page] != was.mapcount[page] + raised[page]
    ]
    if wrong:
        page = wrong[0]
        got = now.mapcount[page] - was.mapcount[page]
        yield Violation(
            Guarantee.MAPCOUNT,
            f"{was}, {'page' if len(wrong) == 1 else 'pages'} {_list(wrong)}",
            f"mapcount rose by {got}, but {raised[page]} child entries map the page",
            pfns=range(was.first_pfn + wrong[0], was.first_pfn + wrong[-1] + 1),
        )
    want = total if large and was.order else 0
    if now.large_mapcount != was.large_mapcount + want:
        got = now.large_mapcount - was.large_mapcount
        what = f"large mapcount rose by {got}, not by {plural(want, 'mapping')} of the child"
        yield Violation(Guarantee.MAPCOUNT, str(was), what, pfns=frames)


def _check_exclusive(
    was: Folio, now: Folio, raised: list[int], kept: list[int]
) -> Iterator[Violation]:
    """Check that shared pages lost the anon-exclusive mark and all others kept theirs."""
    left = [page for page in range(was.pages) if raised[page] and now.exclusive[page]]
    if left:
        where = f"{was}, page {_list(left)}"
        yield Violation(
            Guarantee.EXCLUSIVE,
            where,
            "shared page is still marked anon-exclusive",
            pfns=_pfns(was, left),
        )
    lost = [
        page
        for page in range(was.pages)
        if not raised[page] and now.exclusive[page] != was.exclusive[page]
    ]
    if lost:
        guarantee = Guarantee.PINNED if lost[0] in kept else Guarantee.EXCLUSIVE
        where = f"{was}, page {_list(lost)}"
        yield Violation(
            guarantee,
            where,
            "page that stays with the parent lost anon-exclusive",
            pfns=_pfns(was, lost),
        )


def _check_new(before: Memory, fork: ForkOperation) -> Iterator[Violation]:
    """Check that every folio made by an immediate copy is mapped only once, by the child."""
    maps = Counter(
        pte_page
        for _, pte in fork.child.entries()
        if (pte_page := page_of(Memory(fork.child, fork.frames), pte))
    )
    for folio in fork.frames:
        if before.frames.find(folio.first_pfn) is not None:
            continue
        users = maps[folio, 0]
        if users != 1 or folio.refcount != 1 or folio.mapcount != [1] or not folio.exclusive[0]:
            what = f"copy of a pinned page is mapped by {users} child entries, its refcount is "
            yield Violation(Guarantee.PINNED, str(folio), f"{what}{folio.refcount}")


def _pfns(folio: Folio, pages: list[int]) -> range:
    return range(folio.first_pfn + pages[0], folio.first_pfn + pages[-1] + 1)


def _list(pages: list[int]) -> str:
    """Return pages as ``3``, ``3-7`` or ``3, 5, ...``."""
    if pages == [*range(pages[0], pages[0] + len(pages))]:
        return span(pages[0], len(pages))
    return ", ".join(map(str, pages[:4])) + (", ..." if len(pages) > 4 else "")
