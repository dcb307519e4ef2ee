"""Numbers of a machine by their influence on an answer, as a table and as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from costmodel import __version__
from costmodel.explaining.sensitivity import Influence, Sensitivity
from costmodel.quantity import ends_text
from costmodel.remarks import remarks
from costmodel.results.text.breakeven import question
from costmodel.results.text.layout import ascii_only, paragraph, shorten
from costmodel.results.text.numbers import nanoseconds, percent
from costmodel.settings import texts

SCHEMA = 1
_KEY = 33
_SHOWN = 12
"""How many numbers the table has."""
_SAME = 1e-3
"""A swing of less than this share of the largest one counts as none."""


def sensitivity_text(found: Sensitivity, *, verdicts: Sequence[str] = ()) -> str:
    """Return the table as plain ASCII text of at most 76 columns, the answer first.

    ``verdicts`` are what must stand beside the price of a strategy.
    """
    shown = _shown(found)
    parts = [paragraph(_answer(found))]
    if shown:
        parts += ["\n".join(_table(found, shown)), paragraph(_worth(shown[0])), _LEGEND]
    else:
        parts.append(paragraph("No number of the machine moves that within its range."))
    asked = question([cell for cell in (found.cell, found.baseline) if cell is not None])
    parts.append(paragraph(f"{asked}, without noise, costmodel {__version__}"))
    parts += [paragraph(remark, hanging="  ") for remark in [*verdicts, *remarks(found.cell)]]
    return ascii_only("\n\n".join(parts)) + "\n"


_LEGEND = (
    "at low, at high: the answer with this number alone at that end of its range\n"
    "first: share of the variance that goes when the number is known\n"
    "total: share that stays when all the others are known; above first, the\n"
    "       number acts together with others"
)


def sensitivity_document(
    found: Sensitivity, provenance: Mapping[str, Any], verdicts: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the answer as plain data."""
    return {
        "schema": SCHEMA,
        "kind": "sensitivity",
        "provenance": dict(provenance),
        "machine": found.cell.machine.name,
        "settings": texts(found.cell.machine, found.cell.workload),
        "strategy": found.cell.strategy,
        "baseline": found.baseline.strategy if found.baseline else None,
        "build": found.cell.build or None,
        "unit": "pct" if found.baseline else "ns_per_pte",
        "answer": found.answer,
        "interval": [found.low, found.high],
        "machines": found.machines,
        "numbers": [asdict(one) for one in found.influences],
        "remarks": list(verdicts),
    }


def answer_text(found: Sensitivity, value: float) -> str:
    """Return a value of the answer with its unit."""
    return percent(value) if found.baseline else f"{nanoseconds(value)} ns"


def _answer(found: Sensitivity) -> str:
    cell = found.cell
    than = f" against {found.baseline.strategy}" if found.baseline else ""
    what_ = "changes the run time by" if found.baseline else "takes"
    workload = cell.workload
    workers = workload.cpus * (workload.threads if workload.others == "same" else 1)
    per = "" if found.baseline else " per PTE"
    per += f" on each of {workers} CPUs" if workers > 1 else ""
    low, high = (answer_text(found, end) for end in (found.low, found.high))
    return (
        f"{cell.strategy}{than} on {cell.machine.name} {what_} {answer_text(found, found.answer)}"
        f"{per}; on {found.machines:,} machines drawn from what is not known about it, 90% lie "
        f"between {low} and {high}."
    )


def _shown(found: Sensitivity) -> list[Influence]:
    largest = max((one.swing for one in found.influences), default=0.0)
    return [
        one
        for one in found.influences
        if one.swing > _SAME * largest and one.first_order is not None
    ][:_SHOWN]


def _table(found: Sensitivity, shown: list[Influence]) -> Iterator[str]:
    yield f"{'number':<{_KEY}}{'range':>13}{'at low':>8}{'at high':>8}{'first':>7}{'total':>7}"
    for one in shown:
        ends = "..".join(ends_text(one.low, one.high, one.key))
        low, high = (_bare(found, end) for end in (one.at_low, one.at_high))
        shares = f"{_share(one.first_order):>7}{_share(one.total_order):>7}"
        yield f"{_shortened(one.key):<{_KEY}}{ends:>13}{low:>8}{high:>8}{shares}"


def _shortened(key: str) -> str:
    """Return a dotted key that fits its column; a longer one loses its first groups.

    >>> _shortened("caches.prefetch.trains_after_lines")
    '...prefetch.trains_after_lines'
    """
    shown = key
    while len(shown) >= _KEY and "." in key:
        key = key.partition(".")[2]
        shown = f"...{key}"
    return shorten(shown, _KEY - 1)


def _bare(found: Sensitivity, value: float) -> str:
    return percent(value) if found.baseline else nanoseconds(value)


def _share(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f}%"


def _worth(top: Influence) -> str:
    """Say what measuring the most decisive number would do to the interval."""
    share = top.first_order or 0.0
    left = math.sqrt(max(0.0, 1 - share))
    most = "decides most of it" if share > 0.5 else "matters most"
    return (
        f"{top.key} {most}: measured, the interval would shrink to about "
        f"{100 * left:.0f}% of its width."
    )
