"""Says where larger folios are dearer per PTE than smaller ones, and what makes them so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from costmodel.config.workload import ORDERS
from costmodel.results.document import unique
from costmodel.results.records import ResultCell
from costmodel.results.text.causes import legend
from costmodel.results.text.numbers import percent

RISE: Final = 0.03
"""From this relative rise of the time per PTE on there is a remark. Larger folios need less work
per PTE, so a rise has to be explained."""
_SHOWN: Final = 0.25
"""A cause is named if its part of the rise is at least this share of the largest cause's part."""
_NEXT: Final = dict(pairwise(ORDERS))


def dearer_orders(cells: Sequence[ResultCell]) -> Iterator[str]:
    """Yield one remark on the cells of a machine, if time rises between neighbouring orders."""
    rises = [
        rise
        for strategy in unique(cell.strategy for cell in cells)
        for rise in _rises([cell for cell in cells if cell.strategy == strategy])
    ]
    if not rises:
        return
    texts = [_text(small, large) for small, large in rises]
    causes = unique(cause for small, large in rises for cause in _causes(small, large))
    yield f"Dearer per PTE with larger folios: {'; '.join(texts)}. {legend(causes)}"


def _rises(cells: Sequence[ResultCell]) -> Iterator[tuple[ResultCell, ResultCell]]:
    by_order = {cell.order: cell for cell in cells if cell.order is not None}
    for small, large in _NEXT.items():
        if small in by_order and large in by_order:
            pair = by_order[small], by_order[large]
            if pair[1].ns_per_pte > (1 + RISE) * pair[0].ns_per_pte and _is_one_code(*pair):
                yield pair


def _is_one_code(small: ResultCell, large: ResultCell) -> bool:
    """Tell whether both cells are of one build, so that builds do not explain the difference."""
    return small.build == large.build


def _text(small: ResultCell, large: ResultCell) -> str:
    by = percent(100 * (large.ns_per_pte / small.ns_per_pte - 1))
    causes = ", ".join(f"{cause} +{ns:.2f}" for cause, ns in _causes(small, large).items())
    return f"{large.strategy} +{by} from {small.layout} to {large.layout} ({causes} ns)"


def _causes(small: ResultCell, large: ResultCell) -> Mapping[str, float]:
    """Return how much of the rise each cause takes, the largest first."""
    before, after = small.cpi_stack_ns_per_pte, large.cpi_stack_ns_per_pte
    more = {cause: ns - before.get(cause, 0.0) for cause, ns in after.items()}
    most = max(more.values())
    ordered = sorted(more.items(), key=lambda item: -item[1])
    return {cause: ns for cause, ns in ordered if ns >= _SHOWN * most}
