"""The strategies of spawn: kernels, by the copy loop of their fork and the unmap loop of exit."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Final

from costmodel.operations.fork.catalogue import STRATEGIES as FORKS
from costmodel.operations.shared.strategy import Strategy
from costmodel.operations.zap.catalogue import STRATEGIES as ZAPS

_FORKS: Final = {fork.name: fork for fork in FORKS}
_ZAPS: Final = {zap.name: zap for zap in ZAPS}
_EXITS: Final = {
    "v6.7": ("v6.7", "one PTE, one VMA at a time: the baseline"),
    "v6.8": ("v6.7", "the same; the tree of VMAs is duplicated"),
    "contpte-per-pte": ("contpte-per-pte", "no batching, with contpte"),
    "contpte-arch-batch": ("contpte-arch-batch", "v4: fork and exit block by block"),
    "folio-batch-v6.9": ("folio-batch-v6.9", "fork and exit batched by folio"),
    "folio-batch-v6.12": ("folio-batch-v6.12", "the same in v6.12"),
    "contpte-folio-batch-v6.9": ("contpte-folio-batch-v6.9", "v6.9 with contpte"),
    "contpte-folio-batch-v6.12": ("contpte-folio-batch-v6.12", "v6.12 with contpte"),
}
"""The strategy of zap in the kernel of each strategy of fork, by name."""
STRATEGIES: Final = tuple(
    replace(_FORKS[name], operation="spawn", summary=summary)
    for name, (_, summary) in _EXITS.items()
)
"""The built-in strategies of spawn, each with the name of its copy loop."""


@cache
def fork_of(strategy: Strategy) -> Strategy:
    """Return the copy loop as a strategy of fork; a user's own strategy is a copy loop too."""
    return replace(strategy, operation="fork")


def exit_of(strategy: Strategy) -> Strategy:
    """Return the unmap loop that runs when the child ends; for a user's strategy the newest."""
    newest = "contpte-folio-batch-v6.12" if strategy.contpte else "folio-batch-v6.12"
    name, _ = _EXITS.get(strategy.name.partition("@")[0], (newest, ""))
    return _ZAPS[name]
