"""Uncounts mappings: when their entries are emptied, or, for dirty file pages, after the flush."""

from __future__ import annotations

from collections.abc import Callable

from costmodel.code.events import Step, Trait
from costmodel.mm.folio import Folio
from costmodel.operations.shared.entry import Steps
from costmodel.operations.zap.mm import ZapOperation


def uncount(
    zap: ZapOperation,
    folio: Folio,
    first_page: int,
    count: int,
    step: Callable[[str, int], Step],
    *,
    counts_large: bool,
) -> Steps:
    """Uncount the mappings of ``count`` pages of a folio by one atomic each.

    ``step`` returns an event, by its name, on the page so many pages behind the first.
    ``counts_large``: ``_large_mapcount`` of a large folio is lowered first.
    """
    if folio.order and counts_large:
        zap.large_mapcount_add(folio, -count)
        yield step("large_unmap", 0)
    for ahead in range(count):
        # Folios of two pages have no room for the list of those to be split.
        fresh = folio.order > 1 and zap.maps_all(folio)
        zap.rmap_remove(folio, first_page + ahead)
        made = step("unmap", ahead)
        yield _marked(made, folio, fresh=fresh) if folio.order else made
        if folio.order and zap.count_page is not None and made.traits & Trait.SOLE:
            yield from zap.count_page(made)


def _marked(step: Step, folio: Folio, *, fresh: bool) -> Step:
    """Return the event with the traits OPENS and CLOSES, where they hold for a large folio.

    ``fresh``: no page of the folio was unmapped before.
    """
    if fresh:
        step = step.with_traits(Trait.OPENS)
    return step if folio.mapped else step.with_traits(Trait.CLOSES)
