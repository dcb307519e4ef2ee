"""Compares what a fork left behind with the guarantees of the kernel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from costmodel.mm.address_space import Rss
from costmodel.mm.build import Memory
from costmodel.mm.pte import PFN_SHIFT, PRESENT
from costmodel.mm.sanity import check_cont, check_tlb
from costmodel.mm.violations import DirtyRule, Guarantee, Violation, span
from costmodel.operations.fork.expectation import Expectation, expect_fork
from costmodel.operations.fork.guarantees_counts import check_counts
from costmodel.operations.fork.guarantees_entries import check_entries
from costmodel.operations.fork.mm import ForkOperation
from costmodel.operations.shared.pmd import check_deposits


def check_fork(
    before: Memory, fork: ForkOperation, *, dirty: DirtyRule = DirtyRule.EXACT
) -> list[Violation]:
    """Return a violation for every guarantee that a finished fork broke; none if it is correct.

    ``before`` is the process before the fork (``memory.copy()``). ``dirty`` says how the kernel of
    the strategy passes dirty bits on to the child.
    """
    expected = expect_fork(before)
    found = [
        *fork.faults,
        *check_entries(before, fork, expected, dirty),
        *check_cont("parent", fork.parent, fork.frames),
        *check_cont("child", fork.child, fork.frames),
        *check_counts(before, fork, expected),
        *_check_rss(fork, expected),
        *check_deposits("parent", fork.parent),
        *check_deposits("child", fork.child),
        *check_tlb(fork.tlb),
    ]
    return [_located(before, fault) for fault in dict.fromkeys(found)]


def _check_rss(fork: ForkOperation, expected: Expectation) -> Iterator[Violation]:
    """Check the child's resident-set counters."""
    for counter in Rss:
        got, want = fork.child.rss[counter], expected.rss[counter]
        if got != want:
            what = f"{counter.value} rss is {got}, should be {want}"
            yield Violation(Guarantee.RSS, "child", what)


def _located(before: Memory, fault: Violation) -> Violation:
    """Add the pages that map the frames of a fault which knows only frames."""
    vpns = [
        vpn
        for vpn, pte in before.space.entries()
        if pte & PRESENT and pte >> PFN_SHIFT in fault.pfns
    ]
    if not vpns:
        return fault
    marked = range(vpns[0], vpns[-1] + 1)
    noun = "page" if len(marked) == 1 else "pages"
    where = f"{noun} {span(marked.start, len(marked))}, {fault.where}"
    return replace(fault, where=where, vpns=marked)
