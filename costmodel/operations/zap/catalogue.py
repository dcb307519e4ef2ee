"""The strategies of zap. v6.9 was not recorded: the recorded steps of v6.12 stand for it."""

from __future__ import annotations

from typing import Final

from costmodel.operations.shared.strategy import ShippedFunction, Strategy, arm64, both

_PAGES: Final = both("v6.7")
"""The programs that release a list of single pages; contpte makes no difference there."""
FOLIOS: Final = both("v6.12.117")
"""The programs that release a list of folios with their numbers of pages."""
_V7_2: Final = {"arm64": "v7.2.13@gcc12-own.arm64_nocontpte", "x86_64": "v7.2.13@gcc12-own.x86_64"}

STRATEGIES: Final = (
    Strategy(
        "v6.7",
        "one PTE at a time: the baseline",
        ShippedFunction("zap.per_pte.unmap_per_pte"),
        "zap",
        both("v6.7"),
        release_programs=_PAGES,
        frees_large_alone=True,
    ),
    Strategy(
        "arch-batch-const1",
        "v4 without contpte: a batch of constant 1",
        ShippedFunction("zap.per_pte.unmap_per_pte"),
        "zap",
        both("v4_const1"),
        release_programs=_PAGES,
        frees_large_alone=True,
    ),
    Strategy(
        "contpte-per-pte",
        "no batching: one unfold per 16-PTE block",
        ShippedFunction("zap.per_pte.unmap_unfolding"),
        "zap",
        arm64("v4_before_change"),
        arm64("v4_before_change_range_tlbi"),
        contpte=True,
        release_programs=_PAGES,
        frees_large_alone=True,
    ),
    Strategy(
        "contpte-arch-batch",
        "v4 with clear_ptes(): block by block",
        ShippedFunction("zap.folio_batch.unmap_block_batched"),
        "zap",
        arm64("v4_helpers"),
        contpte=True,
        release_programs=_PAGES,
        frees_large_alone=True,
    ),
    Strategy(
        "folio-batch-v6.9",
        "folio batching as merged in v6.9",
        ShippedFunction("zap.folio_batch.v6_9"),
        "zap",
        both("v6.12.117"),
        release_programs=_PAGES,
        frees_large_alone=True,
    ),
    Strategy(
        "folio-batch-v6.12",
        "v6.12: clamped scan, _large_mapcount",
        ShippedFunction("zap.folio_batch.v6_12"),
        "zap",
        both("v6.12.117"),
        release_programs=FOLIOS,
    ),
    Strategy(
        "folio-batch-v7.2",
        "v7.2: large folios keep who maps them",
        ShippedFunction("zap.folio_batch.v7_2"),
        "zap",
        _V7_2,
        release_programs=_V7_2,
    ),
    Strategy(
        "contpte-folio-batch-no-hint",
        "ptep_get() per PTE: 16 x 16 reads a block",
        ShippedFunction("zap.folio_batch.contpte_no_hint"),
        "zap",
        arm64("no_hint"),
        contpte=True,
        release_programs=FOLIOS,
    ),
    Strategy(
        "contpte-folio-batch-noyoungdirty",
        "ptep_get_noyoungdirty(): loses dirty bits",
        ShippedFunction("zap.folio_batch.contpte_noyoungdirty"),
        "zap",
        arm64("no_hint"),
        contpte=True,
        broken="it loses dirty bits of file pages",
        release_programs=FOLIOS,
    ),
    Strategy(
        "contpte-folio-batch-v6.9",
        "as merged in v6.9, with pte_batch_hint()",
        ShippedFunction("zap.folio_batch.contpte_v6_9"),
        "zap",
        arm64("v6.12.117"),
        contpte=True,
        release_programs=_PAGES,
        frees_large_alone=True,
    ),
    Strategy(
        "contpte-folio-batch-v6.12",
        "v6.12 with contpte",
        ShippedFunction("zap.folio_batch.contpte_v6_12"),
        "zap",
        arm64("v6.12.117"),
        contpte=True,
        release_programs=FOLIOS,
    ),
    Strategy(
        "contpte-folio-batch-v7.2",
        "v7.2 with contpte",
        ShippedFunction("zap.folio_batch.contpte_v7_2"),
        "zap",
        {"arm64": "v7.2.13@gcc12-own.arm64_contpte"},
        contpte=True,
        release_programs=_V7_2,
    ),
)
"""The built-in strategies of zap, the oldest first."""
