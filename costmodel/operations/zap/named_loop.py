"""The unmap loops that an archive of a recorded build may name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from itertools import product
from typing import Any

from costmodel.mm.build import Memory
from costmodel.operations.shared.strategy import Function
from costmodel.operations.zap.folio_batch import UnmapBatching, unmap_batched
from costmodel.operations.zap.gather import LIST_PAGES
from costmodel.operations.zap.mm import ZapOperation
from costmodel.operations.zap.operation import EXIT
from costmodel.operations.zap.per_pte import unmap_keeping_blocks, unmap_unfolding


def loop_choices(_: Collection[str], contpte: bool) -> Iterator[Mapping[str, Any]]:
    """Yield the arguments of the known kernels' loops, and of loops between them."""
    for unfolds, large in product((True, False) if contpte else (False,), (False, True)):
        yield {"batching": None, "unfolds": unfolds} | ({"counts_large": True} if large else {})
    reads = [(True, True), (True, False), (False, False)] if contpte else [(False, False)]
    for (gathers, hints), past, large in product(reads, (False, True), (True, False)):
        how = UnmapBatching(looks_past_folio=past, counts_large=large, gathers=gathers, hints=hints)
        yield {"batching": asdict(how), "unfolds": False}


def loop_of(choices: Mapping[str, Any]) -> Function:
    """Return the loop whose ``batching`` has these fields, or None for entry by entry.

    ``unfolds``: a loop entry by entry unfolds contiguous blocks; else it keeps them, if there are.
    ``counts_large``: it lowers ``_large_mapcount``, as from v6.10 on.
    """
    batching = choices["batching"]
    if batching is not None:
        return partial(unmap_batched, how=UnmapBatching.of(batching))
    one_by_one = unmap_unfolding if choices["unfolds"] else unmap_keeping_blocks
    return partial(one_by_one, counts_large=choices.get("counts_large", False))


def begun(memory: Memory, state: str, contpte: bool, _: Function) -> ZapOperation:
    """Return an unmap about to happen; at an exit, the parent maps every page as well.

    No page is added to the gather list: earlier rounds have left all that it may have.
    """
    if state == EXIT.name:
        for folio in memory.frames:
            for page, mapped in enumerate(folio.mapcount):
                if mapped:
                    folio.map_page(page)
                    folio.exclusive[page] = False
    return ZapOperation.begin(memory, contpte=contpte, list_pages=LIST_PAGES)
