"""The fork primitives, as a strategy uses them."""

from __future__ import annotations

from costmodel.mm.address_space import Rss, VmaKind
from costmodel.mm.build import build_memory
from costmodel.mm.layout import Area, Content, Layout, Piece
from costmodel.mm.layouts import folios, hole, pages, private
from costmodel.mm.pte import (
    DIRTY,
    EXCLUSIVE,
    MIGRATION,
    PRESENT,
    SWAP,
    UFFD_WP,
    WRITE,
    YOUNG,
    make_pte,
)
from costmodel.mm.violations import Guarantee
from costmodel.operations.fork.mm import ForkOperation


def fork_of(*areas: Area, start: int = 0) -> ForkOperation:
    return ForkOperation.begin(build_memory(Layout("it", areas, start)))


def test_tables_follow_mappings_and_leave_out_what_fork_skips() -> None:
    fork = fork_of(
        private(pages(1), hole(1023), pages(1)),
        private(pages(1), dontfork=True),
        Area((pages(1),), VmaKind.SHARED, lazy=True),
        private(*folios(2, 4)),
        start=500,
    )

    pairs = list(fork.tables())

    assert [(pair.src.base, pair.first, pair.end) for pair in pairs] == [
        (0, 500, 512),
        (1024, 0, 501),
        (1024, 503, 512),
        (1536, 0, 23),
    ]
    assert [pair.allocated for pair in pairs] == [True, True, False, True]


def test_a_pinned_page_is_only_copied_while_it_is_exclusive() -> None:
    fork = fork_of(private(pages(2, 2, pinned=True, exclusive=False),
                           pages(2, 2, first=2, again=True)))  # fmt: skip
    folio = fork.frames.folios[0]

    assert fork.maybe_pinned(folio, 0, 4)
    assert not fork.maybe_pinned(folio, 0, 2), "these are shared already"


def test_a_batch_that_overruns_counts_pages_of_the_next_folio() -> None:
    fork = fork_of(private(*folios(1, 1), *folios(1, 0)))
    first, second = fork.frames.folios

    for page in (1, 2):
        fork.mapcount_add(first, page)
        fork.clear_exclusive(first, page)

    assert (first.mapcount, second.mapcount) == ([1, 2], [2])
    assert (first.exclusive, second.exclusive) == ([True, False], [False])
    assert [fault.guarantee for fault in fork.faults] == [Guarantee.BATCH]


def test_the_child_entry_is_old_and_clean_where_shared() -> None:
    fork = fork_of(private(pages(1)), Area((pages(1),), VmaKind.SHARED),
                   private(pages(1), keeps_uffd_wp=True))  # fmt: skip
    anonymous, shared, registered = fork.parent.vmas
    pte = make_pte(7, PRESENT | DIRTY | YOUNG | UFFD_WP)

    assert fork.child_pte(anonymous, pte) == make_pte(7, PRESENT | DIRTY)
    assert fork.child_pte(shared, pte) == make_pte(7, PRESENT)
    assert fork.child_pte(registered, pte) == make_pte(7, PRESENT | DIRTY | UFFD_WP)


def test_a_pinned_page_is_copied_to_a_frame_of_its_own() -> None:
    fork = fork_of(private(pages(1, pinned=True)))

    pte = fork.copy_pinned(fork.parent.get(0))

    copy = fork.folio_of(pte)
    assert copy is not None
    assert pte == make_pte(513, PRESENT | WRITE | DIRTY | YOUNG)
    assert (copy.refcount, copy.mapcount, copy.exclusive) == (1, [1], [True])


def test_swap_and_migration_entries() -> None:
    migration = Piece(Content.MIGRATION, 1, uffd_wp=True)
    kinds = (VmaKind.ANONYMOUS, VmaKind.SHARED)
    fork = fork_of(*(Area((Piece(Content.SWAP, 1), migration, hole()), kind) for kind in kinds))

    for pair in fork.tables():
        for slot in range(pair.first, pair.end):
            fork.copy_nonpresent(pair, slot)

    assert [fork.parent.get(vpn) & (SWAP | EXCLUSIVE | MIGRATION | WRITE) for vpn in range(5)] == [
        SWAP, MIGRATION, 0, SWAP | EXCLUSIVE, MIGRATION | WRITE,
    ]  # fmt: skip
    assert fork.child.get(1) == fork.parent.get(1) & ~UFFD_WP
    assert fork.frames.swap_count == {1: 2, 2: 2}
    assert fork.child.rss == {Rss.SWAP: 2, Rss.ANON: 1, Rss.FILE: 1}


def test_a_migration_entry_of_an_unknown_frame_counts_as_file() -> None:
    fork = fork_of(private(hole(1)))
    fork.parent.put(0, make_pte(99, MIGRATION))

    for pair in fork.tables():
        fork.copy_nonpresent(pair, 0)

    assert fork.child.rss == {Rss.FILE: 1}
