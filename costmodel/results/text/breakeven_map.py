"""A map of where two strategies cost the same, as text and as JSON (see docs/breakeven.md)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from costmodel import __version__
from costmodel.explaining.axes import Axis, Pair
from costmodel.explaining.breakeven_map import BreakevenMap, Line, RowCrossing
from costmodel.remarks import caution, remarks
from costmodel.results.document import unique
from costmodel.results.text.breakeven import document_head, question, with_remarks
from costmodel.results.text.layout import paragraph
from costmodel.results.text.numbers import percent
from costmodel.settings import Setting

_COLUMNS = 5
"""How many values of the first number a table has room for."""
_CELL = 8
_ROW = 9
_HUNDRED = 100.0


def map_text(
    found: BreakevenMap,
    pair: Pair,
    *,
    idle: Sequence[Setting] = (),
    verdicts: Sequence[str] = (),
) -> str:
    """Return the map as plain ASCII text of at most 76 columns, a sentence first.

    ``idle``: settings that change nothing in this question. ``verdicts``: what must stand beside
    the time of one of the two strategies, such as guarantees that it breaks.
    """
    crosses = any(found.crossings(row) for row in range(len(found.y.grid)))
    parts = [paragraph(f"{map_sentence(found, pair)} {_present(found)}".rstrip())]
    parts.append(_table(found, crosses=crosses))
    parts += [paragraph(legend)] if (legend := _legend(found, crosses=crosses)) else []
    asked = question(pair, found.x.key, found.y.key)
    parts.append(paragraph(f"{asked}, without noise, costmodel {__version__}"))
    return with_remarks(parts, [*verdicts, *remarks(pair[0], idle)])


def map_sentence(found: BreakevenMap, pair: Pair) -> str:
    """Return the answer in one sentence."""
    wins, uncertain, loses = found.counts
    total = wins + uncertain + loses + found.same
    who = f"{pair[0].strategy} against {pair[1].strategy} on {pair[0].machine.name}"
    where = f"over {found.x.key} and {found.y.key}"
    if total == found.same:
        return f"{who} costs the same at every point {where}."
    if total in (wins, loses):
        known = 100 * found.excess[np.isfinite(found.excess)]
        ends = " to ".join(unique(percent(float(end)) for end in (known.min(), known.max())))
        return f"{who} {'wins' if wins else 'loses'} at every point {where} ({ends})."
    same = f"; at {found.same} both cost the same" if found.same else ""
    return (
        f"{who} {where}: of {total} points it wins at {wins} and loses at {loses}{same}; at "
        f"{uncertain} the winner is uncertain (90%)."
    )


def _present(found: BreakevenMap) -> str:
    """Return a sentence about the change at the present values."""
    x, y = found.x, found.y
    if found.now is None or x.now is None or y.now is None:
        return ""
    at = f"{x.key} {x.text(x.now)}, {y.key} {y.text(y.now)}"
    return f"Now ({at}) it is {percent(100 * found.now)}."


def _table(found: BreakevenMap, *, crosses: bool) -> str:
    shown = _shown(found.x)
    lines = [paragraph(f"Change of run time, {found.y.key} down, {found.x.key} across:")]
    head = "".join(f"{found.x.short(found.x.grid[at]):>{_CELL}}" for at in shown)
    lines += ["", f"{'':<{_ROW}}{head}{'  break-even' * crosses}"]
    for row in reversed(range(len(found.y.grid))):
        cells = "".join(f"{_cell(found, row, at):>{_CELL}}" for at in shown)
        label = found.y.short(found.y.grid[row])
        ends = "; ".join(_crossing(found.x, one) for one in found.crossings(row)) or "-"
        lines.append(f"{label:<{_ROW}}{cells}{f'  {ends}' * crosses}")
    return "\n".join(line.rstrip() for line in lines)


def _shown(axis: Axis) -> list[int]:
    """Return the positions of a few values: both ends, the present one, and between."""
    last = len(axis.grid) - 1
    found = {round(at) for at in np.linspace(0, last, min(_COLUMNS, last + 1))}
    if axis.now in axis.grid and (now := axis.grid.index(axis.now)) not in found:
        inside = found - {0, last}
        found = (found - {min(inside, key=lambda at: abs(at - now))}) | {now} if inside else found
    return sorted(found)


def _cell(found: BreakevenMap, row: int, column: int) -> str:
    excess = float(found.excess[row, column])
    if math.isnan(excess):
        return "-"
    change = 100 * excess
    text = f"{change:.0f}%" if abs(change) >= _HUNDRED else percent(change)
    text = text if len(text) < _CELL - 1 else f"{change:.0e}%".replace("e+0", "e")
    return f"{text}{'?' if found.either[row, column] else ' '}"


def _crossing(x: Axis, one: RowCrossing) -> str:
    """Return ``45.7 (39.4 .. 52.4)``, ``4 (from 3)``, ``2``."""
    at = x.short(one.x)
    low, high = (None if end is None else x.short(end) for end in (one.low, one.high))
    if low and high:
        return at if low == high else f"{at} ({low} .. {high})"
    if low or high:
        return f"{at} (from {low})" if low else f"{at} (to {high})"
    return at


def _legend(found: BreakevenMap, *, crosses: bool) -> str:
    parts = []
    if crosses or found.either.any():
        parts.append("?: given what is known of the machine, either may win.")
    if crosses:
        parts.append(
            f"break-even: the value of {found.x.key} at which both cost the same, and (90%) from "
            "and to where either may win; no end: to the edge of the map."
        )
    if np.isnan(found.excess).any():
        parts.append(f"-: no such machine can be{' (as break-even: there is none)' * crosses}.")
    return " ".join(parts)


def map_document(
    found: BreakevenMap, pair: Pair, provenance: Mapping[str, Any], verdicts: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the map as plain data for JSON, in the form that docs/breakeven.md describes."""
    return {
        **document_head("breakeven-map", pair, provenance),
        "over": [found.x.key, found.y.key],
        "now": [found.x.now, found.y.now],
        "now_change_pct": None if found.now is None else 100 * found.now,
        "answer": map_sentence(found, pair),
        "x": list(found.x.grid),
        "y": list(found.y.grid),
        "change_pct": _numbers(100 * found.excess),
        "half_width_pct": _numbers(100 * found.half_width),
        "crossings": list(_crossings_data(found)),
        "contour": _points(found.contour()),
        "surely_wins_from": _points(found.contour(-1)),
        "surely_loses_from": _points(found.contour(1)),
        "remarks": list(verdicts),
        "caution": caution(pair[0].machine, pair[0].workload.operation, pair[0].workload) or None,
    }


def _numbers(values: np.ndarray[Any, np.dtype[np.float64]]) -> list[list[float | None]]:
    return [[None if math.isnan(one) else one for one in row] for row in values.tolist()]


def _crossings_data(found: BreakevenMap) -> Iterator[dict[str, Any]]:
    for row, y in enumerate(found.y.grid):
        for one in found.crossings(row):
            yield {
                "y": y,
                "x": one.x,
                "interval": [one.low, one.high],
                "wins": "above" if one.wins_above else "below",
            }


def _points(lines: Sequence[Line]) -> list[list[list[float]]]:
    return [[list(point) for point in line] for line in lines]
