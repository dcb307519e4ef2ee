"""Writes a scenario file with the memory layout of a process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from costmodel.config.frames import CONTIGUOUS
from costmodel.config.sizes import size_text
from costmodel.layout.found import MOSTLY, ProcessLayout
from costmodel.layout.placement import Placement
from costmodel.operations.registry import DEFAULT, operation_named
from costmodel.units import LARGEST_ORDER, PAGE_BYTES

_LEAST_SHARE = 0.001


def scenario_text(found: ProcessLayout, machines: Sequence[str], operation: str, date: str) -> str:
    """Return the text of a scenario file whose only column is the memory of a process.

    What PMDs map is part of it where the operation was recorded with PMDs.
    """
    known = operation_named(operation)
    state = _state(found, operation)
    by_pmd = found.pmd_bytes / (found.memory_bytes + found.pmd_bytes)
    with_pmds = by_pmd >= _LEAST_SHARE and known.maps_pmds(state or known.words.states[0].name)
    orders = _with_pmds(found) if with_pmds else found.orders
    there = found.memory_bytes + with_pmds * found.pmd_bytes
    empty_bytes = found.memory_bytes * found.holes / (1 - found.holes)
    lines = [
        f"# The anonymous memory of {found.name}, as `costmodel layout` saw it on {date}:",
        f"# {found.copied} of {found.mappings} mappings hold some of it.",
    ]
    if found.pmd_bytes and not with_pmds:
        lines.append(f"# Another {size_text(found.pmd_bytes)} is mapped by PMDs, and left out.")
    if with_pmds and LARGEST_ORDER in found.orders:
        lines.append(
            "# Folios of 2 MiB that PTEs map count as order 8, as PMDs map all of order 9."
        )
    lines += [f"# Lacking: {line}" for line in found.lacking]
    lines += [
        "",
        f"title: {operation} of {_quoted(found.name)}",
        f"operation: {operation}",
        f"memory: {size_text(_whole_pages(there + empty_bytes))}",
    ]
    lines += [f"state: {state}"] if state else []
    lines.append(f"folio_orders: [{_orders(orders)}]")
    lines += ["mapped: pmd"] if with_pmds else []
    holes = empty_bytes / (there + empty_bytes)
    lines += [f"holes: {100 * holes:.6g}%"] if holes >= _LEAST_SHARE else []
    lines += [f"vmas: {found.mappings}"] if known.words.has_vmas else []
    largest = max(found.orders, default=LARGEST_ORDER)
    lines += _frames(found, largest - (with_pmds and LARGEST_ORDER in found.orders))
    baseline = known.strategies()[0].name
    lines += [f"machines: [{', '.join(machines)}]", f"baseline: {baseline}"]
    return "\n".join(lines) + "\n"


def _state(found: ProcessLayout, operation: str) -> str | None:
    """Return the state of the entries for fork; None where the default of the operation holds."""
    if operation != DEFAULT or found.exclusive is None:
        return None
    return "writable" if found.exclusive >= MOSTLY else "read-only"


def _whole_pages(size_bytes: float) -> int:
    return round(size_bytes / PAGE_BYTES) * PAGE_BYTES


def _with_pmds(found: ProcessLayout) -> dict[int, float]:
    """Return the share of each order in all the memory: PMDs map what is of order 9."""
    by_pmd = found.pmd_bytes / (found.memory_bytes + found.pmd_bytes)
    orders = {LARGEST_ORDER: by_pmd}
    for order, share in found.orders.items():
        of_ptes = min(order, LARGEST_ORDER - 1)
        orders[of_ptes] = orders.get(of_ptes, 0.0) + share * (1 - by_pmd)
    return dict(sorted(orders.items()))


def _quoted(name: str) -> str:
    return "".join(c if c.isalnum() or c in " -_().," else "_" for c in name)


def _orders(orders: Mapping[int, float]) -> str:
    """Return a mix of orders in percent with one decimal, which sums to 100.

    Orders with less than 0.1 % are added to the order with the largest share.
    """
    kept = {order: share for order, share in orders.items() if share >= _LEAST_SHARE}
    if len(kept) == 1:
        return str(next(iter(kept)))
    tenths = {order: round(1000 * share) for order, share in kept.items()}
    largest = max(tenths, key=lambda order: tenths[order])
    tenths[largest] += 1000 - sum(tenths.values())
    return "{" + ", ".join(f"{order}: {share / 10:g}%" for order, share in tenths.items()) + "}"


def _frames(found: ProcessLayout, largest: int) -> list[str]:
    """Return the lines that say how the frames lie; no lines if that is not known.

    ``largest`` is the largest order of what PTEs map.
    """
    if found.alone is None:
        return []
    placed = Placement(found.alone, found.run_bytes, found.span_bytes or 0)
    frames = placed.frames(largest)
    if frames == CONTIGUOUS:
        return ["frames: contiguous"]
    text = frames if isinstance(frames, str) else _mapping(frames)
    over = [f"frames_over: {size_text(found.span_bytes)}"] if found.span_bytes else []
    return [f"frames: {text}", *over]


def _mapping(value: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{key}: {each}" for key, each in value.items()) + "}"
