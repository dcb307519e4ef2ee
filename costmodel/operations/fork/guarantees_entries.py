"""Checks the entries of parent and child after a fork, page by page."""

from __future__ import annotations

from collections.abc import Iterator

from costmodel.mm.address_space import AddressSpace
from costmodel.mm.build import Memory
from costmodel.mm.pte import (
    CONT,
    CONT_PTES,
    DIRTY,
    EXCLUSIVE,
    PFN_SHIFT,
    PRESENT,
    SOFT_DIRTY,
    WRITE,
    YOUNG,
)
from costmodel.mm.violations import DirtyRule, Findings, Guarantee, Violation
from costmodel.operations.fork.expectation import Expectation, Slot
from costmodel.operations.fork.mm import ForkOperation

_COMPARED = ~(CONT | DIRTY | YOUNG | SOFT_DIRTY | WRITE)


def check_entries(
    before: Memory, fork: ForkOperation, expected: Expectation, rule: DirtyRule
) -> Iterator[Violation]:
    """Yield the wrong entries of parent and child; a run of the same fault is one violation."""
    return _Entries(before, fork, expected, rule).check()


class _Entries:
    """The process before, the parent and the child after, and the faults found so far."""

    def __init__(
        self, before: Memory, fork: ForkOperation, expected: Expectation, rule: DirtyRule
    ) -> None:
        self.before = before
        self.fork = fork
        self.expected = expected
        self.rule = rule
        self.found = Findings()
        self.dirty = {slot.vpn for slot in expected.slots if slot.before & DIRTY}
        self.writable = {slot.vpn for slot in expected.slots if slot.before & WRITE}

    def check(self) -> Iterator[Violation]:
        """Yield a violation for every entry of parent or child that fork() does not allow."""
        for slot in self.expected.slots:
            self._parent(slot, self.fork.parent.gathered(slot.vpn))
            child = self.fork.child.gathered(slot.vpn)
            if slot.copied:
                self._copied(slot, child)
            else:
                self._child(slot, child)
        self._untouched()
        return self.found.violations()

    def _parent(self, slot: Slot, got: int) -> None:
        add, vpn, want = self.found.add, slot.vpn, slot.parent
        if (got ^ want) & _COMPARED == EXCLUSIVE:
            text = f"swap or migration entry {'is still' if got & EXCLUSIVE else 'is no longer'}"
            add(Guarantee.PARENT_PTE, "parent", vpn, f"{text} marked exclusive")
            return
        if (got ^ want) & _COMPARED:
            add(
                Guarantee.PARENT_PTE,
                "parent",
                vpn,
                "entry maps something else",
                f"{_show(got)}, was {_show(slot.before)}",
            )
            return
        if got & WRITE and not want & WRITE:
            add(Guarantee.WRITE_PROTECT, "parent", vpn, "entry of a shared page is writable")
        elif want & WRITE and not got & WRITE:
            add(Guarantee.WRITE_PROTECT, "parent", vpn, "entry lost its write permission")
        if want & ~got & (DIRTY | YOUNG):
            add(Guarantee.PARENT_PTE, "parent", vpn, "entry lost its dirty or young bit")
        elif got & ~want & DIRTY and not self._spread(self.fork.parent, vpn):
            add(Guarantee.PARENT_PTE, "parent", vpn, "entry became dirty")

    def _child(self, slot: Slot, got: int) -> None:
        add, vpn, want = self.found.add, slot.vpn, slot.child
        if (got ^ want) & _COMPARED:
            text = "entry is missing" if not got else "entry differs from the parent's"
            detail = "" if not got else f"{_show(got)}, should be {_show(want)}"
            add(Guarantee.CHILD_PTE, "child", vpn, text, detail)
            return
        if got & WRITE and not want & WRITE:
            self._child_writable(slot)
        elif want & WRITE and not got & WRITE:
            add(Guarantee.CHILD_PTE, "child", vpn, "entry lost its write permission")
        if got & YOUNG:
            add(Guarantee.CHILD_PTE, "child", vpn, "entry is young though never accessed")
        if slot.vma.tracks_soft_dirty and (got ^ want) & SOFT_DIRTY:
            add(Guarantee.CHILD_PTE, "child", vpn, "soft-dirty differs from the parent's")
        self._child_dirty(slot, got)

    def _child_writable(self, slot: Slot) -> None:
        """Report a child entry that is writable though it should not be.

        In a shared mapping a batch may be writable as a whole if one of its entries is, as in v6.9.
        """
        if slot.vma.is_cow:
            text = "entry of a shared page is writable"
            self.found.add(Guarantee.WRITE_PROTECT, "child", slot.vpn, text)
        elif not self._batched(slot.vpn, self.writable):
            text = "entry is writable, the parent's is not"
            self.found.add(Guarantee.CHILD_PTE, "child", slot.vpn, text)

    def _child_dirty(self, slot: Slot, got: int) -> None:
        vpn, want = slot.vpn, slot.child
        if not (got ^ want) & DIRTY or (self.rule is DirtyRule.IGNORED and slot.vma.is_cow):
            return
        if want & DIRTY:
            self.found.add(Guarantee.CHILD_PTE, "child", vpn, "dirty bit of the parent is lost")
            return
        merged = self.rule is DirtyRule.ANY_OF_BATCH and self._batched(vpn, self.dirty)
        if not slot.vma.is_cow or not (merged or self._spread(self.fork.child, vpn)):
            self.found.add(Guarantee.CHILD_PTE, "child", vpn, "entry is dirty, the parent's is not")

    def _spread(self, space: AddressSpace, vpn: int) -> bool:
        """Tell whether a dirty entry in the same contiguous block explains a dirty bit."""
        start = vpn & -CONT_PTES
        block = range(start, start + CONT_PTES)
        return bool(space.get(vpn) & CONT) and not self.dirty.isdisjoint(block)

    def _batched(self, vpn: int, marked: set[int]) -> bool:
        """Tell whether an entry in the same batch, among ``marked`` ones, explains a bit."""
        return any(
            first <= vpn < first + count and not marked.isdisjoint(range(first, first + count))
            for first, count in self.fork.batches
        )

    def _copied(self, slot: Slot, got: int) -> None:
        """Check the entry of a page that had to be copied at once."""
        add, vpn = self.found.add, slot.vpn
        if not got & PRESENT:
            add(Guarantee.PINNED, "child", vpn, "entry of a pinned page is missing")
        elif got >> PFN_SHIFT == slot.before >> PFN_SHIFT:
            add(Guarantee.PINNED, "child", vpn, "maps a pinned page instead of a copy of it")
        elif self.before.frames.find(got >> PFN_SHIFT) is not None:
            add(Guarantee.PINNED, "child", vpn, "copy of a pinned page lies in a used frame")
        elif slot.child & ~got & (WRITE | DIRTY):
            add(Guarantee.PINNED, "child", vpn, "copy of a pinned page must be writable and dirty")

    def _untouched(self) -> None:
        """Check that nothing changed outside what fork copies."""
        copied = {slot.vpn for slot in self.expected.slots}
        for vpn, pte in self.fork.child.entries():
            if vpn not in copied:
                self.found.add(
                    Guarantee.CHILD_PTE,
                    "child",
                    vpn,
                    "entry outside the mappings that fork copies",
                    _show(pte),
                )
        was = {vpn: pte for vpn, pte in self.before.space.entries() if vpn not in copied}
        now = {vpn: pte for vpn, pte in self.fork.parent.entries() if vpn not in copied}
        for vpn in sorted(was.keys() | now.keys()):
            if was.get(vpn, 0) != now.get(vpn, 0):
                self.found.add(
                    Guarantee.PARENT_PTE,
                    "parent",
                    vpn,
                    "entry outside the mappings that fork copies changed",
                )


def _show(pte: int) -> str:
    """Return an entry as text for messages."""
    if not pte:
        return "empty"
    kind = "frame" if pte & PRESENT else "swap or migration entry"
    return f"{kind} {pte >> PFN_SHIFT}"
