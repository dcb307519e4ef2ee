"""Each check, on a correct fork with one thing changed behind its back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from costmodel.mm.address_space import AddressSpace, Rss, VmaKind
from costmodel.mm.build import Memory, build_memory
from costmodel.mm.folio import Folio, FrameTable
from costmodel.mm.layout import Area, Content, Layout, Piece
from costmodel.mm.layouts import folios, pages, private
from costmodel.mm.pte import (
    CONT,
    DIRTY,
    EXCLUSIVE,
    PFN_SHIFT,
    PFN_STEP,
    PRESENT,
    SOFT_DIRTY,
    WRITE,
    YOUNG,
    make_pte,
)
from costmodel.mm.sanity import check_cont
from costmodel.mm.violations import DirtyRule, Findings, Guarantee, plural
from costmodel.operations.fork.guarantees import check_fork
from costmodel.operations.fork.mm import ForkOperation

# Pages: 0 dirty, 1 clean, 2 pinned, 3 swapped, 4 read-only; 5-6 not for the child; 7-8 shared.
LAYOUT = Layout(
    "it",
    (
        private(
            pages(1, soft_dirty=True),
            pages(1, dirty=False),
            pages(1, pinned=True),
            Piece(Content.SWAP, 1),
            pages(1, writable=False, exclusive=False),
            tracks_soft_dirty=True,
        ),
        private(pages(1), Piece(Content.HOLE, 1), dontfork=True),
        Area((pages(1), pages(1, writable=False, dirty=False)), VmaKind.SHARED),
        private(Piece(Content.HOLE, 1024), Piece(Content.MIGRATION, 1), Piece(Content.SPECIAL, 1)),
    ),
)


def forked(layout: Layout = LAYOUT) -> tuple[Memory, ForkOperation]:
    """Return a correct fork, entry by entry."""
    memory = build_memory(layout)
    before = memory.copy()
    fork = ForkOperation.begin(memory)
    for pair in fork.tables():
        for slot in range(pair.first, pair.end):
            pte = pair.src.read(slot)
            if not pte & PRESENT:
                fork.copy_nonpresent(pair, slot)
                continue
            folio = fork.folio_of(pte)
            if folio is not None:
                page = folio.page(pte >> PFN_SHIFT)
                fork.rss_add(fork.rss_of(folio))
                if folio.anon and fork.maybe_pinned(folio, page):
                    pair.dst.set_ptes(slot, 1, fork.copy_pinned(pte))
                    continue
                fork.mapcount_add(folio, page)
                if folio.anon:
                    fork.clear_exclusive(folio, page)
                fork.folio_get(folio)
            if pair.vma.is_cow:
                pair.src.write_protect(slot)
                pte &= ~WRITE
            pair.dst.set_ptes(slot, 1, fork.child_pte(pair.vma, pte))
    fork.final_flush()
    return before, fork


def test_a_correct_fork_breaks_nothing() -> None:
    assert check_fork(*forked()) == []


def change(space: str, vpn: int, *, add: int = 0, drop: int = 0) -> Callable[[ForkOperation], None]:
    def apply(fork: ForkOperation) -> None:
        table: AddressSpace = getattr(fork, space)
        table.put(vpn, table.get(vpn) & ~drop | add)

    return apply


def put(space: str, vpn: int, pte: int) -> Callable[[ForkOperation], None]:
    return lambda fork: getattr(fork, space).put(vpn, pte)


def folio(index: int, name: str, value: object) -> Callable[[ForkOperation], None]:
    return lambda fork: setattr(fork.frames.folios[index], name, value)


MAPPED = make_pte(512, PRESENT)
CASES = {
    "parent entry moved": (put("parent", 1, MAPPED), "PARENT_PTE", "parent, page 1"),
    "parent entry gone": (put("parent", 1, 0), "PARENT_PTE", "empty, was frame 513"),
    "parent writable": (change("parent", 1, add=WRITE), "WRITE_PROTECT", "parent, page 1"),
    "shared parent protected": (change("parent", 7, drop=WRITE), "WRITE_PROTECT", "lost its write"),
    "pinned parent protected": (change("parent", 2, drop=WRITE), "WRITE_PROTECT", "lost its write"),
    "parent dirty lost": (change("parent", 0, drop=DIRTY), "PARENT_PTE", "dirty or young"),
    "parent young lost": (change("parent", 0, drop=YOUNG), "PARENT_PTE", "dirty or young"),
    "parent dirtied": (change("parent", 1, add=DIRTY), "PARENT_PTE", "became dirty"),
    "swap still exclusive": (change("parent", 3, add=EXCLUSIVE), "PARENT_PTE", "is still marked"),
    "parent outside": (put("parent", 5, 0), "PARENT_PTE", "outside the mappings"),
    "child missing": (put("child", 1, 0), "CHILD_PTE", "child, page 1: entry is missing"),
    "child elsewhere": (put("child", 1, MAPPED), "CHILD_PTE", "frame 512, should be frame 513"),
    "child swap": (put("child", 3, MAPPED), "CHILD_PTE", "should be swap or migration entry 1"),
    "child writable": (change("child", 1, add=WRITE), "WRITE_PROTECT", "child, page 1"),
    "shared child read-only": (change("child", 7, drop=WRITE), "CHILD_PTE", "lost its write"),
    "shared child writable": (change("child", 8, add=WRITE), "CHILD_PTE", "the parent's is not"),
    "shared child dirty": (change("child", 7, add=DIRTY), "CHILD_PTE", "is dirty"),
    "child young": (change("child", 1, add=YOUNG), "CHILD_PTE", "young though never accessed"),
    "child dirty": (change("child", 1, add=DIRTY), "CHILD_PTE", "entry is dirty"),
    "child clean": (change("child", 0, drop=DIRTY), "CHILD_PTE", "dirty bit of the parent is lost"),
    "soft-dirty": (change("child", 0, drop=SOFT_DIRTY), "CHILD_PTE", "soft-dirty differs"),
    "child outside": (put("child", 5, MAPPED), "CHILD_PTE", "outside the mappings"),
    "copy missing": (put("child", 2, 0), "PINNED", "entry of a pinned page is missing"),
    "copy shared": (put("child", 2, make_pte(514, PRESENT)), "PINNED", "instead of a copy"),
    "copy in use": (put("child", 2, make_pte(513, PRESENT)), "PINNED", "lies in a used frame"),
    "copy clean": (change("child", 2, drop=DIRTY), "PINNED", "must be writable and dirty"),
    "copy's refcount": (folio(-1, "refcount", 2), "PINNED", "its refcount is 2"),
    "pinned no longer exclusive": (folio(2, "exclusive", [False]), "PINNED", "stays with"),
    "unforked no longer exclusive": (folio(4, "exclusive", [False]), "EXCLUSIVE", "stays with"),
    "still exclusive": (folio(0, "exclusive", [True]), "EXCLUSIVE", "still marked"),
    "refcount": (folio(0, "refcount", 5), "REFCOUNT", "rose by 4, but by 1 entries"),
    "mapcount": (folio(0, "mapcount", [0]), "MAPCOUNT", "rose by -1, but 1 child entries"),
    "large mapcount": (folio(0, "large_mapcount", 5), "MAPCOUNT", "large mapcount rose by 4"),
    "rss": (lambda fork: fork.rss_add(Rss.FILE), "RSS", "file rss is 3, should be 2"),
    "swap": (lambda fork: fork.frames.swap_count.update({1: 1}), "SWAP", "has 1 users, but 2"),
    "stale": (lambda fork: fork.tlb.weakened(3), "STALE_TLB", "1 page may still be written"),
    "gone": (lambda fork: fork.tlb.cleared(3, MAPPED), "STALE_TLB", "still be translated"),
}


@pytest.mark.parametrize("case", CASES)
def test_each_change_is_found(case: str) -> None:
    sabotage, guarantee, message = CASES[case]
    before, fork = forked()
    sabotage(fork)

    found = check_fork(before, fork)

    own = [str(fault) for fault in found if fault.guarantee is Guarantee[guarantee]]
    assert any(message in text for text in own), found


@pytest.mark.parametrize(("index", "text"), [(2, "pages 2-4, ..."), (1, "pages 0, 2, 4, 6, ...")])
def test_wrong_pages_of_a_folio_are_listed(index: int, text: str) -> None:
    before, fork = forked(Layout("it", (private(*folios(1, 4)),)))
    owner = fork.frames.folios[0]
    wrong = range(2, 5) if index == 2 else range(0, 16, 2)
    for page in wrong:
        owner.mapcount[page] += 1

    [fault] = check_fork(before, fork)

    assert text.removesuffix(", ...") in str(fault)
    assert fault.vpns == range(wrong[0], wrong[-1] + 1)


def test_dirty_rules() -> None:
    before, fork = forked()
    change("child", 0, drop=DIRTY)(fork)
    assert check_fork(before, fork, dirty=DirtyRule.IGNORED) == []

    before, fork = forked()
    change("child", 1, add=DIRTY)(fork)
    assert check_fork(before, fork, dirty=DirtyRule.ANY_OF_BATCH) != []
    fork.batches.append((0, 2))
    assert check_fork(before, fork, dirty=DirtyRule.ANY_OF_BATCH) == []
    assert check_fork(before, fork) != []


def test_a_batch_in_a_shared_mapping_may_merge_the_write_bit() -> None:
    before, fork = forked()
    change("child", 8, add=WRITE)(fork)
    fork.batches.append((7, 2))
    assert check_fork(before, fork) == []


BLOCK = [make_pte(512 + page, PRESENT | CONT | WRITE) for page in range(16)]


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (BLOCK, ""),
        ([pte & ~CONT for pte in BLOCK], ""),
        ([BLOCK[0] | DIRTY | YOUNG, *BLOCK[1:]], ""),
        ([*BLOCK[:15], BLOCK[15] & ~CONT], "cont bit on 15 of 16 entries"),
        ([*BLOCK[:15], BLOCK[15] & ~PRESENT], "not present"),
        ([pte + PFN_STEP for pte in BLOCK], "not 16 consecutive ones"),
        ([*BLOCK[:15], BLOCK[15] + PFN_STEP], "not 16 consecutive ones"),
        ([*BLOCK[:15], BLOCK[15] & ~WRITE], "unequal attributes"),
        ([pte + 16 * PFN_STEP for pte in BLOCK], "not within one folio"),
    ],
)
def test_contiguous_bits(block: list[int], message: str) -> None:
    frames = FrameTable()
    for order, first_pfn in ((4, 512), (3, 528), (3, 536)):
        frames.add(Folio(order, first_pfn))
    space = AddressSpace()
    for slot, pte in enumerate(block, 16):
        space.put(slot, pte)

    found = [str(fault) for fault in check_cont("child", space, frames)]

    assert bool(found) == bool(message)
    assert all(text.startswith("child, pages 16-31: ") and message in text for text in found)


def test_runs_of_the_same_fault_are_told_once() -> None:
    found = Findings()
    for vpn in (3, 4, 5, 9):
        found.add(Guarantee.RSS, "child", vpn, "text", f"detail {vpn}")

    assert [str(fault) for fault in found.violations()] == [
        "child, pages 3-5: text (detail 3)",
        "child, page 9: text (detail 9)",
    ]


def test_plurals() -> None:
    assert [plural(count, "PTE") for count in (0, 1, 2)] == ["0 PTEs", "1 PTE", "2 PTEs"]
