"""The strategies of mremap, with the recorded programs behind them."""

from __future__ import annotations

from typing import Final

from costmodel.operations.shared.strategy import ShippedFunction, Strategy, arm64, both

_NAME: Final = "mremap"
_BY_ENTRY: Final = "v6.12.117"
_RANGE: Final = "v6.12.117_range_tlbi"
_POSTED: Final = "v6.17-rc1_recreated"
_MERGED: Final = "v7.2.13"
_TABLES: Final = "v6.12.117_tables"
STRATEGIES: Final = (
    Strategy(
        "v6.12",
        "one PTE at a time: the baseline",
        ShippedFunction("mremap.loop.move_per_pte"),
        _NAME,
        both(_BY_ENTRY),
    ),
    Strategy(
        "folio-batch-v6.17-rc1",
        "batched by folio; recreated",
        ShippedFunction("mremap.loop.batched"),
        _NAME,
        both(_POSTED),
    ),
    Strategy(
        "hint-batch-v6.17",
        "batched in contiguous blocks alone",
        ShippedFunction("mremap.loop.hinted"),
        _NAME,
        both(_MERGED),
    ),
    Strategy(
        "whole-tables",
        "page tables move as they are",
        ShippedFunction("mremap.loop.move_whole_tables"),
        _NAME,
        both(_TABLES),
    ),
    Strategy(
        "contpte-per-pte",
        "v6.12: each block is unfolded and folded",
        ShippedFunction("mremap.loop.move_per_pte"),
        _NAME,
        arm64(_BY_ENTRY),
        arm64(_RANGE),
        contpte=True,
    ),
    Strategy(
        "contpte-folio-batch-v6.17-rc1",
        "whole blocks stay folded; recreated",
        ShippedFunction("mremap.loop.contpte_batched"),
        _NAME,
        arm64(_POSTED),
        contpte=True,
    ),
    Strategy(
        "contpte-hint-batch-v6.17",
        "the same; no struct pages of single pages",
        ShippedFunction("mremap.loop.contpte_hinted"),
        _NAME,
        arm64(_MERGED),
        contpte=True,
    ),
    Strategy(
        "contpte-whole-tables",
        "the same, with contpte",
        ShippedFunction("mremap.loop.move_whole_tables"),
        _NAME,
        arm64(_TABLES),
        contpte=True,
    ),
)
"""The built-in strategies of mremap, the default baseline first."""
