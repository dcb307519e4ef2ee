"""All built-in strategies by name, with the recorded programs that stand behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from costmodel.steps.events import Step
from costmodel.strategies.fork import contpte_arch_batch, contpte_per_pte, folio_batch, per_pte
from costmodel.uops import Uop

Function = Callable[[Any], Iterator[Step | Uop]]
"""Walks the page tables of an operation and yields what is executed."""


@dataclass(frozen=True, eq=False)
class Strategy:
    """One way to do an operation.

    ``programs``: instruction set to the recorded program whose steps it executes (no entry: the
    strategy does not exist there). ``range_programs``: the same on CPUs with range TLB
    invalidation, where it differs. ``contpte``: its kernel uses the contiguous bit.
    """

    name: str
    summary: str
    function: Function
    operation: str = "fork"
    programs: Mapping[str, str] = field(default_factory=dict)
    range_programs: Mapping[str, str] = field(default_factory=dict)
    contpte: bool = False

    def program(self, isa: str, *, range_tlbi: bool) -> str:
        """Return the program for a CPU; KeyError when the strategy does not run on ``isa``."""
        return (self.range_programs if range_tlbi else {}).get(isa) or self.programs[isa]


def both(variant: str) -> dict[str, str]:
    """Return the programs of a variant recorded on arm64 (no contiguous bit) and x86-64."""
    return {"arm64": f"{variant}.arm64_nocontpte", "x86_64": f"{variant}.x86_64"}


def arm64(variant: str) -> dict[str, str]:
    """Return the program of a variant recorded on arm64 with the contiguous bit."""
    return {"arm64": f"{variant}.arm64_contpte"}


_FORK: Final = (
    Strategy("v6.7", "one PTE at a time: the baseline", per_pte.copy_per_pte, "fork", both("v6.7")),
    Strategy(
        "folio-scan-v3",
        "Ryan Roberts' v3: scan for contiguous PTEs of a folio",
        folio_batch.scan_v3,
        "fork",
        both("ryan_v3"),
    ),
    Strategy(
        "arch-batch-runtime",
        "first arch-specific version: batch size decided at run time",
        per_pte.copy_per_pte,
        "fork",
        both("runtime_nr_guess"),
    ),
    Strategy(
        "arch-batch-const1",
        "v4 without contpte: pte_batch_remaining() folds to 1",
        per_pte.copy_per_pte,
        "fork",
        both("v4_const1"),
    ),
    Strategy(
        "contpte-per-pte",
        "contpte without batching: three converts per 16-PTE block",
        contpte_per_pte.copy_unbatched,
        "fork",
        arm64("v4_before_change"),
        arm64("v4_before_change_range_tlbi"),
        contpte=True,
    ),
    Strategy(
        "contpte-arch-batch",
        "v4 with its arm64 helpers: a whole block in one go",
        contpte_arch_batch.copy_block_batched,
        "fork",
        arm64("v4_helpers"),
        contpte=True,
    ),
    Strategy(
        "folio-batch-prototype",
        "David Hildenbrand's generic batching of 20 Dec 2023, fixed",
        folio_batch.prototype,
        "fork",
        both("prototype_dec20"),
    ),
    Strategy(
        "folio-batch-off-by-one",
        "the same with the off-by-one of 19 Dec: corrupts page state",
        folio_batch.off_by_one,
        "fork",
        both("prototype_dec20"),
    ),
    Strategy(
        "folio-batch-v6.9",
        "generic batching as merged in v6.9",
        folio_batch.v6_9,
        "fork",
        both("v6.9"),
    ),
    Strategy(
        "folio-batch-v6.12",
        "v6.12: clamped scan, _large_mapcount",
        folio_batch.v6_12,
        "fork",
        both("v6.12.117"),
    ),
    Strategy(
        "contpte-basic-v5",
        "batching over contpte without helpers: unfold, gather on every PTE",
        folio_batch.contpte_basic_v5,
        "fork",
        arm64("v5_contpte_basic"),
        arm64("v5_contpte_basic_range_tlbi"),
        contpte=True,
    ),
    Strategy(
        "contpte-folio-batch-no-hint",
        "batched write-protect, but ptep_get() per PTE: 16 x 16 reads",
        folio_batch.contpte_no_hint,
        "fork",
        arm64("no_hint"),
        contpte=True,
    ),
    Strategy(
        "contpte-folio-batch-noyoungdirty",
        "the ptep_get_noyoungdirty() idea: no access and dirty bits",
        folio_batch.contpte_noyoungdirty,
        "fork",
        arm64("no_hint"),
        contpte=True,
    ),
    Strategy(
        "contpte-folio-batch-v6.9",
        "as merged in v6.9, with pte_batch_hint()",
        folio_batch.contpte_v6_9,
        "fork",
        arm64("v6.9"),
        contpte=True,
    ),
    Strategy(
        "contpte-folio-batch-v6.12",
        "v6.12 with contpte",
        folio_batch.contpte_v6_12,
        "fork",
        arm64("v6.12.117"),
        contpte=True,
    ),
)

STRATEGIES: Final[Mapping[str, Strategy]] = {entry.name: entry for entry in _FORK}
