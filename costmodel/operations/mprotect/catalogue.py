"""The strategies of mprotect, with the recorded programs behind them."""

from __future__ import annotations

from typing import Final

from costmodel.operations.shared.strategy import ShippedFunction, Strategy, arm64, both

_NAME: Final = "mprotect"
_FOLDS: Final = "it may fold a block without break-before-make"
"""A batch over a block that was not folded is stored at once, without an invalidation before."""
STRATEGIES: Final = (
    Strategy(
        "v6.12",
        "one PTE at a time: the baseline",
        ShippedFunction("mprotect.loop.change_per_pte"),
        _NAME,
        both("v6.12.117"),
    ),
    Strategy(
        "folio-batch-v6.17",
        "batched; recreated in the tree of 7.2",
        ShippedFunction("mprotect.loop.batched"),
        _NAME,
        both("v6.17_recreated"),
    ),
    Strategy(
        "folio-batch-single-pte",
        "batched; single pages have their own path",
        ShippedFunction("mprotect.loop.batched"),
        _NAME,
        both("v7.2.13"),
    ),
    Strategy(
        "contpte-per-pte",
        "v6.12: each block is unfolded and folded",
        ShippedFunction("mprotect.loop.change_per_pte"),
        _NAME,
        arm64("v6.12.117"),
        arm64("v6.12.117_range_tlbi"),
        contpte=True,
    ),
    Strategy(
        "contpte-folio-batch-v6.17",
        "whole blocks stay folded; recreated",
        ShippedFunction("mprotect.loop.contpte_batched"),
        _NAME,
        arm64("v6.17_recreated"),
        contpte=True,
        broken=_FOLDS,
    ),
    Strategy(
        "contpte-folio-batch-single-pte",
        "the same, own path for single pages",
        ShippedFunction("mprotect.loop.contpte_batched"),
        _NAME,
        arm64("v7.2.13"),
        contpte=True,
        broken=_FOLDS,
    ),
)
"""The built-in strategies of mprotect, the default baseline first."""
