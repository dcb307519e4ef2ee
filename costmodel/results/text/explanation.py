"""An explanation as text of at most 76 columns, and as JSON (see docs/explain.md)."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from costmodel import __version__
from costmodel.explaining.attribution import Explanation, GroupEffect, Side
from costmodel.explaining.groups import Maintenance
from costmodel.explaining.more_work import MoreWork
from costmodel.mm.pte import CONT_PTES
from costmodel.remarks import caution, remarks
from costmodel.results.crowd_records import CrowdRecord, crowd_data
from costmodel.results.text.causes import SMALL, legend, shown_causes
from costmodel.results.text.crowd import crowd_remarks, shared_table
from costmodel.results.text.layout import ascii_only, paragraph, shorten
from costmodel.results.text.numbers import factors, fixed, interval_text, percent
from costmodel.results.text.reloads import reloads_data, reloads_text
from costmodel.results.text.savings import savings_data, savings_text
from costmodel.settings import Setting, machine_title, texts, what
from costmodel.units import AROUND, WIDTH

if TYPE_CHECKING:
    from costmodel.experiment import Cell, Result
    from costmodel.experiment.builds import BuildChanges
    from costmodel.strategies.builds import Build

SCHEMA = 1
_LABEL = 28
_STRATEGY = 22
_COLUMN = 20
_HIDDEN = "hidden"
_SEGMENTS = {"release": "release of pages", AROUND: "calls, tables"}
"""Titles that tables give to parts of an operation; other parts have their own names."""
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
_NEGATIVE = (
    "A negative cost: without the group the rest takes longer. Its loads bring lines early that "
    "others wait for, or it keeps the window from running into something slow."
)


def explanation_text(
    explanation: Explanation,
    *,
    idle: Sequence[Setting] = (),
    verdicts: Sequence[str] = (),
) -> str:
    """Return the explanation as plain ASCII text.

    ``idle``: settings that change nothing in this question. ``verdicts``: what must stand beside
    the time of one of the two strategies, such as guarantees that it breaks.
    """
    parts = [_head(explanation), _stacks(explanation), *savings_text(explanation)]
    if len(_segments(explanation.base)) > 1:
        parts.append(_shares(explanation))
    if explanation.parts or explanation.difference_ns:
        parts += [_attribution(explanation)]
    if explanation.reloads:
        parts.append(reloads_text(explanation.reloads))
    crowds = [_crowd(side) for side in (explanation.base, explanation.new)]
    if crowds[0] and crowds[1]:
        parts.append(shared_table(crowds[0], crowds[1]))
    if explanation.base.maintenance.any or explanation.new.maintenance.any:
        parts.append(_maintenance(explanation))
    parts += [paragraph(text) for text in map(_early, (explanation.base, explanation.new)) if text]
    if explanation.more_work is not None:
        parts.append(paragraph(_more_work(explanation, explanation.more_work)))
    parts.append(paragraph(_legend(explanation)))
    crowd = crowd_remarks([each for each in crowds if each is not None])
    for remark in [*crowd, *verdicts, *remarks(explanation.new.result.cell, idle)]:
        parts.append(paragraph(remark, hanging="  "))
    return ascii_only("\n\n".join(parts)) + "\n"


def _crowd(side: Side) -> CrowdRecord | None:
    found = crowd_data(side.result)
    return None if found is None else CrowdRecord.model_validate(found)


def _early(side: Side) -> str:
    """Say that accesses written by hand are prefetches; empty where they are not."""
    if not side.early:
        return ""
    name = side.result.cell.strategy
    return (
        f"{name}: {side.early:.3g} of its accesses per PTE that were written by hand come before "
        "the compiled code has computed their addresses: they prefetch."
    )


def _more_work(explanation: Explanation, found: MoreWork) -> str:
    """Say why a strategy is faster that executes more."""
    new, base = (side.result.cell.strategy for side in (explanation.new, explanation.base))
    reasons = [f"{new} executes all that {base} does and more, and is faster all the same."]
    if explanation.new.early:
        reasons.append("It prefetches.")
    if found.mispredicts_fewer > 0:
        reasons.append(
            f"{found.mispredicts_fewer:.3g} branches per PTE fewer are mispredicted: one more "
            "branch shifts the history that the predictor looks at."
        )
    with_ports = percent(found.with_ports_pct)
    reasons.append(
        f"With more execution ports than micro-ops ask for, the change would be {with_ports}: what "
        "that differs by is an accident of which micro-op gets a port first. Another build or "
        "core need not have it."
    )
    return " ".join(reasons)


def explanation_document(
    explanation: Explanation, provenance: Mapping[str, Any], verdicts: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the explanation as plain data for JSON, in the form that docs/explain.md describes."""
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
        "contpte": workload.contpte,
        "settings": texts(cell.machine, workload),
        "ptes": explanation.new.result.ptes,
        "baseline": _side_data(explanation.base),
        "strategy": _side_data(explanation.new),
        "difference_ns_per_pte": explanation.difference_ns,
        "change_pct": {
            "mean": explanation.change_pct,
            "model_interval90": list(explanation.model.change_pct),
            "model_error": explanation.model.change_error_pct,
            "by_build": dict(explanation.builds.changes_pct) if explanation.builds else None,
        },
        "parts": [_part_data(part) for part in explanation.parts],
        "around_ns_per_pte": explanation.around_ns,
        "interaction_ns_per_pte": explanation.interaction_ns,
        "reloads": reloads_data(explanation.reloads),
        "more_work": asdict(explanation.more_work) if explanation.more_work else None,
        "remarks": list(verdicts),
        "caution": caution(cell.machine, workload.operation, workload) or None,
    }


def _side_data(side: Side) -> dict[str, Any]:
    maintenance = side.maintenance
    return {
        "name": side.result.cell.strategy,
        "build": side.result.build,
        "ns_per_pte": side.result.ns_per_pte,
        "cpi_stack_ns_per_pte": dict(side.result.stack_ns_per_pte),
        "tenth_less": savings_data(side.savings),
        "segments_ns_per_pte": dict(side.result.segments_ns_per_pte),
        "micro_ops_per_pte": dict(side.result.micro_ops_per_pte),
        "crowd": crowd_data(side.result),
        "early_accesses_per_pte": side.early,
        "tlb_maintenance_per_pte": {name: getattr(maintenance, name) for name, _ in _MAINTENANCE},
    }


def _part_data(part: GroupEffect) -> dict[str, Any]:
    return {
        "group": part.group.name.lower(),
        "title": part.group.title,
        "micro_ops_per_pte": [part.base_count, part.new_count],
        "cost_ns_per_pte": [part.base_ns, part.new_ns],
        "effect_ns_per_pte": part.effect_ns,
        "hidden": part.is_hidden,
    }


def _head(explanation: Explanation) -> str:
    cell = explanation.new.result.cell
    question = what(cell.workload, layout=True)
    names = f"{cell.strategy} against {explanation.base.result.cell.strategy}"
    on = builds_text(explanation.new.result, explanation.base.result, explanation.builds)
    return (
        f"{paragraph(f'{names} on {machine_title(cell.machine, room=WIDTH)}')}\n"
        f"{paragraph(f'{question}, {on}, without noise, costmodel {__version__}')}"
    )


def builds_text(result: Result, baseline: Result, builds: BuildChanges | None) -> str:
    """Return in which build two results are compared, and how large the change is in others.

    ``builds`` are the changes by build, None for fewer than two.
    """
    new, base = (each.described_build for each in (result, baseline))
    if new != base:
        return f"{_described(new)} against {_described(base)}"
    if builds is None:
        return _described(new)
    span = interval_text(builds.low_pct, builds.high_pct)
    count = len(builds.changes_pct)
    which = "median" if count % 2 else "lower median"
    return f"{_described(new)}: the {which} of {count} builds, {span}"


def _described(build: Build) -> str:
    return f"build {build.name} ({build})"


def _legend(explanation: Explanation) -> str:
    missed = factors(*[explanation.model.change_error_pct] * 2)
    sentences = [f"model, 90%: predictions of such ratios of two times missed by {missed}."]
    sentences.append(f"Time by cause. {legend(_causes(explanation))}")
    if explanation.parts:
        sentences.append(_LEGEND)
    costs = [ns for part in explanation.parts for ns in (part.base_ns, part.new_ns)]
    if any(_cost(ns).startswith("-") for ns in costs):
        sentences.append(_NEGATIVE)
    return " ".join(sentences)


def _causes(explanation: Explanation) -> list[str]:
    sides = (explanation.base, explanation.new)
    return shown_causes(*(side.result.stack_ns_per_pte for side in sides))


def _segments(side: Side) -> list[str]:
    """Return the parts that the time of the page tables falls into: ``copy`` for fork, for example,
    and ``unmap`` and ``release`` for zap. What lies around them is not one of these.
    """
    return [name for name in side.result.segments_ns_per_pte if name != AROUND]


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
    lines = ["Where the time goes, ns per PTE:", *_names(base.cell, new.cell)]
    for cause in _causes(explanation):
        one, other = base.stack_ns_per_pte.get(cause, 0.0), new.stack_ns_per_pte.get(cause, 0.0)
        lines.append(_stack_line(cause, (one, base.ns_per_pte), (other, new.ns_per_pte)))
    total = _stack_line("total", (base.ns_per_pte,) * 2, (new.ns_per_pte,) * 2)
    change = percent(explanation.change_pct)
    interval = f"change (model, 90%: {interval_text(*explanation.model.change_pct)})"
    width = _COLUMN + 2 * _STRATEGY
    return "\n".join([*lines, total, f"{interval:<{width}}{change:>12}"])


def _stack_line(cause: str, base: tuple[float, float], new: tuple[float, float]) -> str:
    columns = "".join(
        f"{_cost(value):>{_STRATEGY - 8}}{100 * value / total:>7.1f}%"
        for value, total in (base, new)
    )
    return f"{shorten(cause, _COLUMN):<{_COLUMN}}{columns}{_signed(new[0] - base[0], room=11):>12}"


def _attribution(explanation: Explanation) -> str:
    lines = [
        "What makes the difference, per PTE:",
        f"{'':{_LABEL}}{'micro-ops':>24}{'cost here, ns':>16}{'effect':>8}",
        f"{'':{_LABEL}}{'base':>8}{'new':>8}{'change':>8}{'base':>8}{'new':>8}{'ns':>8}",
    ]
    lines += [_part_line(part) for part in explanation.parts]
    width = _LABEL + 40
    if abs(explanation.around_ns) >= SMALL:
        lines.append(f"{_SEGMENTS[AROUND]:<{width}}{_signed(explanation.around_ns):>8}")
    lines.append(f"{'interaction':<{width}}{_signed(explanation.interaction_ns):>8}")
    lines.append(f"{'sum':<{width}}{_signed(explanation.difference_ns):>8}")
    return "\n".join(lines)


def _part_line(part: GroupEffect) -> str:
    effect = _HIDDEN if part.is_hidden else _signed(part.effect_ns)
    return (
        f"{shorten(part.group.title, _LABEL):<{_LABEL}}{_cost(part.base_count):>8}"
        f"{_cost(part.new_count):>8}{_signed(part.change):>8}{_cost(part.base_ns):>8}"
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


def _names(base: Cell, new: Cell) -> Iterator[str]:
    """Yield the headings of the columns: both names in full, paths without their directories."""
    columns = [_broken(cell.strategy.rpartition("/")[2]) for cell in (base, new)]
    height = max(map(len, columns))
    rows = zip(*([""] * (height - len(lines)) + lines for lines in columns), strict=True)
    for number, (one, other) in enumerate(rows, start=1):
        last = "difference" if number == height else ""
        yield f"{'':{_COLUMN}}{one:>{_STRATEGY}}{other:>{_STRATEGY}}{last:>12}".rstrip()


def _broken(name: str) -> list[str]:
    """Return a name in lines that fit its column, broken behind hyphens and the like."""
    lines = [""]
    for word in re.findall(r"[^-_:.]+[-_:.]?|[-_:.]", name):
        for part in textwrap.wrap(word, _STRATEGY - 1):
            if len(lines[-1]) + len(part) > _STRATEGY - 1:
                lines.append("")
            lines[-1] += part
    return lines


def _cost(value: float) -> str:
    return fixed(value, room=7)


def _signed(value: float, *, room: int = 7) -> str:
    return fixed(value, room=room, sign=True)
