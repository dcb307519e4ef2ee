"""Address spaces: VMAs over tables, and what a child gets."""

from __future__ import annotations

from costmodel.mm.address_space import AddressSpace, Pmds, Rss, Vma, VmaKind
from costmodel.mm.pte import CONT, DIRTY, PRESENT, make_pte


def test_a_mapping_is_cut_at_table_ends() -> None:
    assert list(Vma(500, 1030).table_ranges()) == [(0, 500, 512), (1, 0, 512), (2, 0, 6)]


def test_a_plain_mapping_is_anonymous_writable_and_nothing_else() -> None:
    plain = Vma(0, 1)
    assert plain.kind is VmaKind.ANONYMOUS
    assert plain.writable
    assert not plain.dontfork
    assert not plain.lazy
    assert not plain.keeps_uffd_wp
    assert not plain.tracks_soft_dirty
    assert plain.write_protects is None


def test_which_mappings_fork_copies_and_protects() -> None:
    assert Vma(0, 1).is_copied
    assert not Vma(0, 1, dontfork=True).is_copied
    assert not Vma(0, 1, VmaKind.SHARED, lazy=True).is_copied
    assert [Vma(0, 1, kind).is_cow for kind in VmaKind] == [True, True, False]


def test_entries_are_found_where_they_were_put() -> None:
    space = AddressSpace([Vma(0, 2000)])
    space.put(1025, 7)
    space.put(3, 5)

    assert list(space.entries()) == [(3, 5), (1025, 7)]
    assert (space.get(1025), space.get(600), space.get(4)) == (7, 0, 0)


def test_an_entry_of_a_contiguous_block_is_gathered_over_the_block() -> None:
    space = AddressSpace([Vma(0, 2000)])
    for vpn in range(1024, 1040):
        space.put(vpn, make_pte(512 + vpn, PRESENT | CONT | (DIRTY if vpn == 1030 else 0)))

    assert space.gathered(1025) == make_pte(512 + 1025, PRESENT | CONT | DIRTY)
    assert space.get(1025) == make_pte(512 + 1025, PRESENT | CONT)
    assert (space.gathered(1040), space.gathered(3)) == (0, 0)


def test_a_child_starts_without_tables_and_without_dontfork_mappings() -> None:
    space = AddressSpace([Vma(0, 4), Vma(4, 8, dontfork=True)])
    space.put(0, 1)

    child = space.for_child()

    assert child.vmas == (Vma(0, 4),)
    assert list(child.entries()) == []


def test_a_copy_is_independent() -> None:
    space = AddressSpace([Vma(0, 4)])
    space.put(0, 1)
    space.rss[Rss.ANON] = 1
    twin = space.copy()
    space.put(0, 2)
    space.rss[Rss.ANON] = 2

    assert (twin.get(0), twin.rss[Rss.ANON]) == (1, 1)


def test_tables_are_allocated_once() -> None:
    pmds = Pmds()

    assert pmds.find(3) is None
    assert pmds.ensure(3) is pmds.ensure(3)
    assert [number for number, _ in pmds] == [3]
