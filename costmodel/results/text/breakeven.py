"""A break-even as a sentence with its table of points, and as JSON (see docs/breakeven.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from costmodel import __version__
from costmodel.explaining.axes import Axis, Pair
from costmodel.explaining.breakeven import SAME, BreakEven, BreakevenPoint, Crossing
from costmodel.remarks import caution, remarks
from costmodel.results.document import unique
from costmodel.results.text.layout import ascii_only, paragraph
from costmodel.results.text.numbers import percent
from costmodel.settings import Setting, what
from costmodel.settings import texts as settings_texts

if TYPE_CHECKING:
    from costmodel.experiment import Cell

SCHEMA = 1
LEVEL = "90%"
"""Confidence of the interval."""
_MOST_LINES = 12
_COLUMN = 34


def breakeven_text(
    answer: BreakEven,
    pair: Pair,
    *,
    idle: Sequence[Setting] = (),
    verdicts: Sequence[str] = (),
) -> str:
    """Return the answer as plain ASCII text of at most 76 columns, a sentence first.

    ``idle``: settings that change nothing in this question. ``verdicts``: what must stand beside
    the time of one of the two strategies, such as guarantees that it breaks.
    """
    sentences = [sentence(answer, pair)]
    if answer.crossing is not None:
        sentences.append(_interval(answer.axis, answer.crossing, answer.dominant))
    if answer.others:
        places = ", ".join(answer.axis.text(other.x) for other in answer.others)
        sentences.append(f"The winner changes again at {places}.")
    asked = f"{question(pair, answer.axis.key)}, without noise, costmodel {__version__}"
    parts = [paragraph(" ".join(sentences)), _table(answer), paragraph(asked)]
    return with_remarks(parts, [*verdicts, *remarks(pair[0], idle)])


def with_remarks(parts: Sequence[str], told: Sequence[str]) -> str:
    """Return the parts of an answer with ``told`` remarks below, as plain ASCII text."""
    told_parts = [paragraph(remark, hanging="  ") for remark in told]
    return ascii_only("\n\n".join([*parts, *told_parts])) + "\n"


def breakeven_document(
    answer: BreakEven, pair: Pair, provenance: Mapping[str, Any], verdicts: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the answer as plain data for JSON, in the form that docs/breakeven.md describes."""
    return {
        **document_head("breakeven", pair, provenance),
        "over": answer.axis.key,
        "now": answer.axis.now,
        "answer": sentence(answer, pair),
        "crossing": None if answer.crossing is None else _crossing_data(answer.crossing),
        "other_crossings": [_crossing_data(other) for other in answer.others],
        "dominant": list(answer.dominant),
        "points": [{"value": p.x, "change_pct": 100 * p.excess} for p in answer.points],
        "remarks": list(verdicts),
        "caution": caution(pair[0].machine, pair[0].workload.operation, pair[0].workload) or None,
    }


def document_head(kind: str, pair: Pair, provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the documents of all kinds of break-even begin with."""
    return {
        "schema": SCHEMA,
        "kind": kind,
        "provenance": dict(provenance),
        "machine": pair[0].machine.name,
        "settings": settings_texts(pair[0].machine, pair[0].workload),
        "strategy": pair[0].strategy,
        "baseline": pair[1].strategy,
        "build": pair[0].build or None,
    }


def sentence(answer: BreakEven, pair: Pair) -> str:
    """Return the answer in one sentence, and in another one where both cost the same."""
    return " ".join(filter(None, [_winner(answer, pair), _ties(answer)]))


def _ties(answer: BreakEven) -> str:
    """Return where the two cost the same beside a crossing; empty where that is nowhere."""
    if answer.is_tie:
        return ""
    crossings = {other.x for other in (answer.crossing, *answer.others) if other is not None}
    places, axis = list[str](), answer.axis
    alike = groupby(answer.points, lambda p: abs(p.excess) < SAME and p.x not in crossings)
    for tied, points in alike:
        if tied:
            texts = [axis.text(point.x) for point in points]
            places.append(" to ".join(unique([texts[0], texts[-1]])))
    return f"The two cost the same at {', '.join(places)}." if places else ""


def _winner(answer: BreakEven, pair: Pair) -> str:
    axis, crossing = answer.axis, answer.crossing
    who, than = f"{pair[0].strategy}", f"{pair[1].strategy} on {pair[0].machine.name}"
    if crossing is None:
        return _no_crossing(answer, who, than)
    if axis.now is None or axis.key == "folio_order":
        return _from_on(axis, crossing, who, than)
    verdict = _verdict(answer)
    way = "rises to" if crossing.x > axis.now else "falls below"
    if axis.is_continuous and crossing.x > axis.now:
        way = "rises above"
    when = f"when {axis.key} {way} {axis.text(crossing.x)} (now {axis.text(axis.now)})"
    if verdict == "no difference":
        beyond = crossing.wins_above == (crossing.x > axis.now)
        starts = "winning" if beyond else "losing"
        return f"{who} costs the same as {than} now; it starts {starts} {when}."
    return f"{who} stops {verdict} against {than} {when}."


def _wins_now(answer: BreakEven) -> bool:
    here = next(point for point in answer.points if point.x == answer.axis.now)
    return here.excess <= 0


def _verdict(answer: BreakEven) -> str:
    """Return ``winning``, ``losing`` or neither, for the new strategy at the present value."""
    here = next((point for point in answer.points if point.x == answer.axis.now), None)
    if here is not None and abs(here.excess) < SAME:
        return "no difference"
    return "winning" if _wins_now(answer) else "losing"


def _from_on(axis: Axis, crossing: Crossing, who: str, than: str) -> str:
    at = axis.text(crossing.x)
    if crossing.wins_above:
        return f"{who} wins against {than} from {at} on."
    return f"{who} loses against {than} from {at} on."


def _no_crossing(answer: BreakEven, who: str, than: str) -> str:
    axis = answer.axis
    changes = [point.excess for point in answer.points]
    first, last = axis.text(answer.points[0].x), axis.text(answer.points[-1].x)
    if answer.is_tie:
        return f"{who} costs the same as {than} whatever {axis.key} is (within {SAME:.2%})."
    result = "loses" if max(changes) >= SAME else "wins"
    if not answer.has_effect:
        by = percent(100 * changes[0])
        return f"{axis.key} makes no difference: {who} {result} against {than} always ({by})."
    ends = unique(percent(100 * change) for change in (min(changes), max(changes)))
    where = f"at every {axis.key} between {first} and {last} ({' to '.join(ends)})"
    return f"{who} {result} against {than} {where}."


def _interval(axis: Axis, crossing: Crossing, dominant: tuple[str, ...]) -> str:
    if crossing.low == crossing.high and crossing.low is not None:
        return f"No number of the machine is uncertain enough to move that ({LEVEL})."
    low = "no lower end" if crossing.low is None else axis.text(crossing.low)
    high = "no upper end" if crossing.high is None else axis.text(crossing.high)
    due = f", mostly due to {', '.join(dominant)}" if dominant else ""
    return f"Given what is known of the machine, {LEVEL}: {low} to {high}{due}."


def _table(answer: BreakEven) -> str:
    lines = [f"{answer.axis.key:<{_COLUMN}}{'change of run time':>20}"]
    for point in _shown(answer):
        mark = " <- break-even" if _is_crossing(answer, point) else ""
        mark = mark or (" <- now" if point.x == answer.axis.now else "")
        text = answer.axis.text(point.x)
        lines.append(f"{text:<{_COLUMN}}{percent(100 * point.excess):>20}{mark}")
    return "\n".join(lines)


def _shown(answer: BreakEven) -> list[BreakevenPoint]:
    """Return at most a dozen points: both ends, and the neighbours of the crossing and of the
    present value.

    Where neighbouring points would print the same, only the first and the last have a line.
    """
    points = _distinct(answer)
    centres = {0, len(points) - 1}
    for i, point in enumerate(points):
        if _is_crossing(answer, point):
            centres |= {i - 2, i - 1, i, i + 1, i + 2}
        if point.x == answer.axis.now:
            centres |= {i - 1, i, i + 1}
    if len(points) <= _MOST_LINES:
        return points
    if answer.crossing is None:
        centres |= set(range(0, len(points), -(-len(points) // _MOST_LINES)))
    return [points[i] for i in sorted(centres) if 0 <= i < len(points)]


def _distinct(answer: BreakEven) -> list[BreakevenPoint]:
    points = list(answer.points)
    shown = [percent(100 * point.excess) for point in points]
    return [
        point
        for i, point in enumerate(points)
        if point.x == answer.axis.now
        or _is_crossing(answer, point)
        or not (0 < i < len(points) - 1 and shown[i - 1] == shown[i] == shown[i + 1])
    ]


def _is_crossing(answer: BreakEven, point: BreakevenPoint) -> bool:
    return answer.crossing is not None and point.x == answer.crossing.x


def question(cells: Sequence[Cell], *keys: str) -> str:
    """Return the question of cells without the numbers that vary, and the builds compared."""
    layout = not any(key.startswith("folio_") for key in keys)
    asked = what(cells[0].workload, *keys, layout=layout)
    builds = unique(cell.build for cell in cells if cell.build)
    return f"{asked}, build {' against '.join(builds)}" if builds else asked


def _crossing_data(crossing: Crossing) -> dict[str, Any]:
    return {
        "value": crossing.x,
        "interval": [crossing.low, crossing.high],
        "wins": "above" if crossing.wins_above else "below",
    }
