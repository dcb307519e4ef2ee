"""An explanation as text of at most 76 columns, and as JSON (see docs/explain.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from costmodel.config.sizes import size_text
from costmodel.experiment import Cell
from costmodel.explaining.attribution import Explanation, Part, Side
from costmodel.explaining.maintenance import Maintenance
from costmodel.mm.pte import CONT_PTES
from costmodel.results.text.caution import caution
from costmodel.results.text.layout import ascii_only, paragraph, shorten
from costmodel.results.text.numbers import percent, span

SCHEMA = 1
_LABEL = 28
_STRATEGY = 22
_COLUMN = 20
_SMALL = 0.005
"""A cause below this in both strategies has no line."""
_HIDDEN = "hidden"
_AROUND = "around"
_SEGMENTS = {"release": "release of pages", _AROUND: "calls, tables"}
"""What tables call parts of an operation, where not by their names."""
_MAINTENANCE = (
    ("converts", "converts"),
    ("tlbis", "TLBIs, one entry each"),
    ("range_tlbis", "TLBIs, a range each"),
    ("barriers", "DSBs"),
)
_LEGEND = (
    "cost: what the model saves when the group is taken out and the core runs again; what hides "
    "behind something else costs nothing. interaction: costs that no group has alone, because "
    "one hides another or because they delay each other."
)


def explanation_text(explanation: Explanation, *, version: str) -> str:
    """Return the explanation as plain ASCII text."""
    parts = [_head(explanation, version), _stacks(explanation)]
    if len(_segments(explanation.base)) > 1:
        parts.append(_shares(explanation))
    if explanation.parts or explanation.difference_ns:
        parts += [_attribution(explanation)]
    if explanation.base.maintenance.any or explanation.new.maintenance.any:
        parts.append(_maintenance(explanation))
    if explanation.parts:
        parts.append(paragraph(_LEGEND))
    cell = explanation.new.result.cell
    warning = caution(cell.machine, cell.workload.operation)
    if warning:
        parts.append(paragraph(warning, hanging="  "))
    return ascii_only("\n\n".join(parts)) + "\n"


def explanation_document(explanation: Explanation, provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return the explanation as plain data."""
    cell = explanation.new.result.cell
    workload = cell.workload
    return {
        "schema": SCHEMA,
        "kind": "explanation",
        "provenance": dict(provenance),
        "machine": cell.machine.name,
        "operation": workload.operation,
        "memory_bytes": workload.memory_bytes,
        "folio_orders": {str(order): share for order, share in workload.folio_orders.items()},
        "frames": workload.frames,
        "state": workload.state,
        "cpus": workload.cpus,
        "ptes": explanation.new.result.ptes,
        "baseline": _side_data(explanation.base),
        "strategy": _side_data(explanation.new),
        "difference_ns_per_pte": explanation.difference_ns,
        "change_pct": {
            "mean": explanation.change_pct,
            "model_interval90": list(explanation.model_pct),
        },
        "parts": [_part_data(part) for part in explanation.parts],
        "interaction_ns_per_pte": explanation.interaction_ns,
        "caution": caution(cell.machine, workload.operation) or None,
    }


def _side_data(side: Side) -> dict[str, Any]:
    maintenance = side.maintenance
    return {
        "name": side.result.cell.strategy,
        "ns_per_pte": side.result.ns_per_pte,
        "cpi_stack_ns_per_pte": dict(side.result.stack_ns_per_pte),
        "segments_ns_per_pte": dict(side.result.segments_ns_per_pte),
        "micro_ops_per_pte": dict(side.result.micro_ops_per_pte),
        "tlb_maintenance_per_pte": {name: getattr(maintenance, name) for name, _ in _MAINTENANCE},
    }


def _part_data(part: Part) -> dict[str, Any]:
    return {
        "group": part.group.name.lower(),
        "title": part.group.title,
        "micro_ops_per_pte": [part.base_count, part.new_count],
        "cost_ns_per_pte": [part.base_ns, part.new_ns],
        "effect_ns_per_pte": part.effect_ns,
        "hidden": part.is_hidden,
    }


def _head(explanation: Explanation, version: str) -> str:
    cell = explanation.new.result.cell
    names = f"{cell.strategy} against {explanation.base.result.cell.strategy}"
    return (
        f"{paragraph(f'{names} on {cell.machine.title}')}\n"
        f"{paragraph(f'{_what(cell)}, without noise, costmodel {version}')}"
    )


def _what(cell: Cell) -> str:
    workload = cell.workload
    what = f"{workload.operation}, {size_text(workload.memory_bytes)}, {workload.state}"
    return f"{what}, {workload.layout}" + (f", {workload.cpus} CPUs" if workload.cpus > 1 else "")


def _segments(side: Side) -> list[str]:
    """Return the parts that the page tables' time falls into: one for fork, two for zap."""
    return [name for name in side.result.segments_ns_per_pte if name != _AROUND]


def _shares(explanation: Explanation) -> str:
    """Return the table of parts. Their sum is the time of one CPU alone."""
    base, new = (side.result.segments_ns_per_pte for side in (explanation.base, explanation.new))
    totals = sum(base.values()), sum(new.values())
    lines = ["The same by part of the operation, ns per PTE:"]
    for name in dict.fromkeys([*base, *new]):
        one, other = base.get(name, 0.0), new.get(name, 0.0)
        title = _SEGMENTS.get(name, name)
        lines.append(_stack_line(title, (one, totals[0]), (other, totals[1])))
    return "\n".join(lines)


def _stacks(explanation: Explanation) -> str:
    base, new = explanation.base.result, explanation.new.result
    causes = sorted(
        {*base.stack_ns_per_pte, *new.stack_ns_per_pte},
        key=lambda c: -max(base.stack_ns_per_pte.get(c, 0), new.stack_ns_per_pte.get(c, 0)),
    )
    lines = [
        "Where the time goes, ns per PTE:",
        f"{'':{_COLUMN}}{_name(base.cell):>{_STRATEGY}}{_name(new.cell):>{_STRATEGY}}"
        f"{'difference':>12}",
    ]
    for cause in causes:
        one, other = base.stack_ns_per_pte.get(cause, 0.0), new.stack_ns_per_pte.get(cause, 0.0)
        if max(one, other) < _SMALL:
            continue
        lines.append(_stack_line(cause, (one, base.ns_per_pte), (other, new.ns_per_pte)))
    total = _stack_line("total", (base.ns_per_pte,) * 2, (new.ns_per_pte,) * 2)
    change = percent(explanation.change_pct)
    interval = f"change (model, 90%: {span(*explanation.model_pct)})"
    width = _COLUMN + 2 * _STRATEGY
    return "\n".join([*lines, total, f"{interval:<{width}}{change:>12}"])


def _stack_line(cause: str, base: tuple[float, float], new: tuple[float, float]) -> str:
    columns = "".join(
        f"{value:>{_STRATEGY - 8}.2f}{100 * value / total:>7.1f}%" for value, total in (base, new)
    )
    return f"{shorten(cause, _COLUMN):<{_COLUMN}}{columns}{_signed(new[0] - base[0]):>12}"


def _attribution(explanation: Explanation) -> str:
    lines = [
        "What makes the difference, per PTE:",
        f"{'':{_LABEL}}{'micro-ops':>24}{'cost here, ns':>16}{'effect':>8}",
        f"{'':{_LABEL}}{'base':>8}{'new':>8}{'change':>8}{'base':>8}{'new':>8}{'ns':>8}",
    ]
    lines += [_part_line(part) for part in explanation.parts]
    width = _LABEL + 40
    lines.append(f"{'interaction':<{width}}{_signed(explanation.interaction_ns):>8}")
    lines.append(f"{'sum':<{width}}{_signed(explanation.difference_ns):>8}")
    return "\n".join(lines)


def _part_line(part: Part) -> str:
    effect = _HIDDEN if part.is_hidden else _signed(part.effect_ns)
    return (
        f"{shorten(part.group.title, _LABEL):<{_LABEL}}{part.base_count:>8.2f}"
        f"{part.new_count:>8.2f}{_signed(part.change):>8}{_cost(part.base_ns):>8}"
        f"{_cost(part.new_ns):>8}{effect:>8}"
    )


def _maintenance(explanation: Explanation) -> str:
    lines = [
        "TLB maintenance:",
        f"{'':{_LABEL}}{'per PTE':>24}{f'per {CONT_PTES}-PTE block':>24}",
        f"{'':{_LABEL}}{'base':>12}{'new':>12}{'base':>12}{'new':>12}",
    ]
    base, new = explanation.base.maintenance, explanation.new.maintenance
    lines += [
        _maintenance_line(title, getattr(base, name), getattr(new, name))
        for name, title in _MAINTENANCE
        if _has(base, name) or _has(new, name)
    ]
    return "\n".join(lines)


def _has(maintenance: Maintenance, name: str) -> bool:
    return bool(getattr(maintenance, name))


def _maintenance_line(title: str, base: float, new: float) -> str:
    each = "".join(f"{value:>12.3f}" for value in (base, new))
    block = "".join(f"{CONT_PTES * value:>12.2f}" for value in (base, new))
    return f"{title:<{_LABEL}}{each}{block}"


def _name(cell: Cell) -> str:
    return shorten(cell.strategy, _STRATEGY - 1)


def _cost(ns: float) -> str:
    return _zero(f"{ns:.2f}")


def _signed(value: float) -> str:
    return _zero(f"{value:+.2f}")


def _zero(text: str) -> str:
    """Print a rounded zero without a sign."""
    return "0.00" if text in ("+0.00", "-0.00") else text
