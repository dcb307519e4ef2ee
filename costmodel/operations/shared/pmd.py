"""Folios of 2 MiB that a PMD maps: what all operations on them share.

A loop over page tables never sees them: the kernel handles a PMD in the function that would else
call the loop. A strategy that does not ask for them (``pmds()`` of its operation) leaves them to
what 6.12 does (``on_pmds()``), in the recorded code of 6.12.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from costmodel.code.yields import generator
from costmodel.mm.address_space import AddressSpace
from costmodel.mm.live_table import LiveTable
from costmodel.mm.operation import TableOperation
from costmodel.mm.pte import TABLE_PTES
from costmodel.mm.tlb import TlbView
from costmodel.mm.violations import Guarantee, Violation, plural
from costmodel.operations.registry import operation_named
from costmodel.operations.shared.entry import Steps

if TYPE_CHECKING:
    from costmodel.operations.shared.strategy import Function

LAYOUT: Final = "pmd"
"""What recordings of them are called."""
ARCHITECTURES: Final = ("x86_64", "arm64_nocontpte")
"""Those of the recordings. Contiguous blocks of PTEs change nothing there."""


def pmd_program(program: str) -> str:
    """Return the program that was recorded with them, for the architecture of another one."""
    return f"v6.12.117_pmd.{ARCHITECTURES[not program.endswith(ARCHITECTURES[0])]}"


def with_pmds(operation: str, function: Function, begun: TableOperation) -> Steps:
    """Run a strategy; what PMDs map is handled behind it, unless it asks for them itself."""
    yield from generator(function(begun))
    if not begun.pmds_are_taken:
        yield from operation_named(operation).on_pmds(begun)
        begun.pmds_are_taken = False  # by the kernel, not by the strategy


def huge_table(
    space: AddressSpace, number: int, tlb: TlbView, faults: list[Violation]
) -> LiveTable:
    """Return one PMD as a table of one entry, whose slot 0 maps all pages of a folio."""
    slots = space.pmds.ensure_huge(number)
    return LiveTable(slots, number * TABLE_PTES, (0, 1), tlb, faults)


def check_deposits(owner: str, space: AddressSpace) -> Iterator[Violation]:
    """Yield a violation for each page of PMDs with more or fewer waiting tables than it must have.

    ``owner`` is the name of the process in messages.
    """
    want: dict[int, int] = {}
    for number, _ in space.pmds.huge():
        want[number // TABLE_PTES] = want.get(number // TABLE_PTES, 0) + 1
    for page in sorted({*want, *space.pmds.deposits}):
        got, wanted = space.pmds.deposits[page], want.get(page, 0)
        if got != wanted:
            what = f"{plural(got, 'table')} for a split, beside {plural(wanted, 'PMD')} with folios"
            yield Violation(Guarantee.DEPOSIT, f"{owner}, PMDs of GiB {page}", what)
