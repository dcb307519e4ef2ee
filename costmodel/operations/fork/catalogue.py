"""The strategies of fork, with the recorded programs behind them."""

from __future__ import annotations

from typing import Final

from costmodel.mm.violations import DirtyRule
from costmodel.operations.fork import batching, per_pte
from costmodel.operations.shared.strategy import Strategy, arm64, both

STRATEGIES: Final = (
    Strategy(
        "v6.7",
        "one PTE at a time: the baseline",
        per_pte.copy_per_pte,
        "fork",
        both("v6.7"),
        one_by_one=True,
    ),
    Strategy(
        "v6.8",
        "the same, rmap tests ordered as in v6.8",
        per_pte.copy_per_pte,
        "fork",
        {"arm64": "v6.8base@gcc12.arm64_nocontpte", "x86_64": "v6.8base@gcc12.x86_64"},
        one_by_one=True,
    ),
    Strategy(
        "folio-scan-v3",
        "Ryan Roberts' v3: scan for a folio's PTEs",
        batching.scan_v3,
        "fork",
        both("ryan_v3"),
        dirty=DirtyRule.ANY_OF_BATCH,
    ),
    Strategy(
        "arch-batch-runtime",
        "first arch version: batch of run-time size",
        per_pte.copy_per_pte,
        "fork",
        both("runtime_nr_guess"),
        one_by_one=True,
    ),
    Strategy(
        "arch-batch-const1",
        "v4 without contpte: a batch of constant 1",
        per_pte.copy_per_pte,
        "fork",
        both("v4_const1"),
        one_by_one=True,
    ),
    Strategy(
        "contpte-per-pte",
        "no batching: three converts per block",
        per_pte.copy_unbatched,
        "fork",
        arm64("v4_before_change"),
        arm64("v4_before_change_range_tlbi"),
        contpte=True,
    ),
    Strategy(
        "contpte-arch-batch",
        "v4 with arm64 helpers: block by block",
        batching.copy_block_batched,
        "fork",
        arm64("v4_helpers"),
        contpte=True,
    ),
    Strategy(
        "folio-batch-prototype",
        "David Hildenbrand's batching of 20 Dec",
        batching.prototype,
        "fork",
        both("prototype_dec20"),
    ),
    Strategy(
        "folio-batch-off-by-one",
        "the same on 19 Dec: corrupts page state",
        batching.off_by_one,
        "fork",
        both("prototype_dec20"),
        broken="its batches run on into the next folio and corrupt page state",
    ),
    Strategy(
        "folio-batch-v6.9",
        "generic batching as merged in v6.9",
        batching.v6_9,
        "fork",
        both("v6.9"),
    ),
    Strategy(
        "folio-batch-v6.12",
        "v6.12: clamped scan, _large_mapcount",
        batching.v6_12,
        "fork",
        both("v6.12.117"),
    ),
    Strategy(
        "folio-batch-v7.2",
        "v7.2: large folios keep who maps them",
        batching.v7_2,
        "fork",
        {"arm64": "v7.2.13@gcc12-own.arm64_nocontpte", "x86_64": "v7.2.13@gcc12-own.x86_64"},
    ),
    Strategy(
        "contpte-basic-v5",
        "no helpers: unfolds, gathers on every PTE",
        batching.contpte_basic_v5,
        "fork",
        arm64("v5_contpte_basic"),
        arm64("v5_contpte_basic_range_tlbi"),
        contpte=True,
    ),
    Strategy(
        "contpte-folio-batch-no-hint",
        "ptep_get() per PTE: 16 x 16 reads a block",
        batching.contpte_no_hint,
        "fork",
        arm64("no_hint"),
        contpte=True,
    ),
    Strategy(
        "contpte-folio-batch-noyoungdirty",
        "ptep_get_noyoungdirty(): no gathering",
        batching.contpte_noyoungdirty,
        "fork",
        arm64("no_hint"),
        contpte=True,
        dirty=DirtyRule.IGNORED,
    ),
    Strategy(
        "contpte-folio-batch-v6.9",
        "as merged in v6.9, with pte_batch_hint()",
        batching.contpte_v6_9,
        "fork",
        arm64("v6.9"),
        contpte=True,
    ),
    Strategy(
        "contpte-folio-batch-v6.12",
        "v6.12 with contpte",
        batching.contpte_v6_12,
        "fork",
        arm64("v6.12.117"),
        contpte=True,
    ),
    Strategy(
        "contpte-folio-batch-v7.2",
        "v7.2 with contpte",
        batching.contpte_v7_2,
        "fork",
        {"arm64": "v7.2.13@gcc12-own.arm64_contpte"},
        contpte=True,
    ),
)
"""The built-in strategies of fork, the default baseline first."""
