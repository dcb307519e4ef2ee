"""Estimates what predictions miss beyond their known doubt, from numbers that were not fitted."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from costmodel.calibration.validation import Assessment
from costmodel.published import Role
from costmodel.uncertainty.model_error import AnswerClass, size_pct

COVERED = 0.9
"""The share of published numbers that intervals should hold."""
FEWEST_SOURCES = 3
"""A class with fewer sources is not estimated."""
_NOTHING = 1e-9

Misses = Mapping[str, Sequence[float]]
"""By source, how far each of its numbers lies outside its interval: logarithms, 0 inside."""


@dataclass(frozen=True)
class ModelError:
    """The error of a class: ``pct`` is the half-width of its 90 % interval.

    ``before``, ``inside`` and ``left_out`` are shares of the numbers that lie inside: without it,
    with it, and with one from which the source of the number was left out. Each source counts as
    much as any other.
    """

    answer: AnswerClass
    pct: float
    sources: int
    rows: int
    before: float
    inside: float
    left_out: float


def model_errors(assessments: Iterable[Assessment]) -> list[ModelError]:
    """Return the errors of all classes that published numbers tell, fitted ones left out."""
    by_class: dict[AnswerClass, dict[str, list[float]]] = {}
    for one in assessments:
        if one.is_judged and one.target.role is not Role.FIT and not _of_rate(one):
            sources = by_class.setdefault(one.answer, {})
            sources.setdefault(_source(one), []).append(_lacks(one))
    return [
        _estimated(answer, by_class[answer])
        for answer in AnswerClass
        if len(by_class.get(answer, ())) >= FEWEST_SOURCES
    ]


def error_lines(errors: Iterable[ModelError]) -> Iterator[str]:
    """Yield the lines of ``costmodel validate`` about them, at most 76 columns wide."""
    yield "Missed beyond the known doubt (costmodel/uncertainty/model_error.yaml)"
    yield f"{'class':<26}{'in use':>8}{'found':>8}{'sources':>9}{'rows':>6}   inside:"
    yield f"{'':<58}without with left"
    for one in errors:
        inside = "".join(f"{100 * s:>5.0f}%" for s in (one.before, one.inside, one.left_out))
        yield (
            f"{one.answer:<26}{size_pct(one.answer):>7.1f}%{one.pct:>7.1f}%"
            f"{one.sources:>9}{one.rows:>6}{inside}"
        )
    yield "left: of each source, by the size that all others give"


def _of_rate(one: Assessment) -> bool:
    return one.target.row.metric.is_throughput


def _source(one: Assessment) -> str:
    """Return the mail or report of a number, and its machine: parts of one mail are one source."""
    table = re.match(r"[A-Z]+\d+", one.target.row.table)
    assert table is not None
    return f"{table[0]} {one.target.row.machine}"


def _lacks(one: Assessment) -> float:
    """Return by how much the published number lies beyond the known interval.

    Half-widths add as squares, so it is the other leg of a right triangle. It is put down to the
    part of the two times that is not common to both, as it is where intervals are made.
    """
    miss = one.log_error
    low, high = one.known_logs
    side = -low if miss > 0 else high
    lacks = math.sqrt(max(0.0, miss**2 - side**2))
    return lacks / one.part if lacks else 0.0


def _estimated(answer: AnswerClass, misses: Misses) -> ModelError:
    size = _least(misses)
    left_out = fmean(
        _inside({source: own}, _least({k: v for k, v in misses.items() if k != source}))
        for source, own in misses.items()
    )
    return ModelError(
        answer,
        100 * math.expm1(size),
        len(misses),
        sum(map(len, misses.values())),
        _inside(misses, 0.0),
        _inside(misses, size),
        left_out,
    )


def _least(misses: Misses) -> float:
    """Return the least half-width that holds enough of the numbers."""
    sizes = sorted({0.0, *(each for own in misses.values() for each in own)})
    return next(size for size in sizes if _inside(misses, size) >= COVERED - _NOTHING)


def _inside(misses: Misses, size: float) -> float:
    return fmean(fmean(each <= size + _NOTHING for each in own) for own in misses.values())
