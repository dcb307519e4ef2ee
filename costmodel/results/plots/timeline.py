"""The window over a few PTEs: which micro-op waits for what."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from costmodel.code.uops import Kind
from costmodel.config.errors import ConfigError
from costmodel.results.plots.panels import OUTSIDE_INCHES, draw_legend
from costmodel.results.plots.picture import Picture, look, new_figure, write_title
from costmodel.results.plots.style import (
    BLACK,
    GREEN,
    GREY,
    LIGHT,
    ORANGE,
    PURPLE,
    SKY,
    SMALL,
    VERMILION,
    YELLOW,
)
from costmodel.timeline.labels import label
from costmodel.timeline.times import MicroOpTimes, Timeline
from costmodel.units import TICKS_PER_CYCLE

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

MOST_ROWS = 500
BODY_INCHES = 8.0
LEAST_ROW, MOST_ROW = 0.022, 0.1
"""The least and the largest height of one micro-op in inches."""
TEXT_INCHES = 0.088
"""The least distance between two labels in inches."""
LABEL = SMALL - 1.2
NOTABLE_CYCLES = 3
"""A micro-op that delays retirement by at least this many cycles is labelled with the reason."""
_EDGED = (Kind.RMW, Kind.DSB, Kind.DMB, Kind.ISB, Kind.TLBI)
"""Drawn with a black edge: what orders or serialises shows without colour, too."""
_PLAIN = (Kind.ALU, Kind.NOP, Kind.BRANCH, Kind.CALL, Kind.RET, Kind.JUMP)

COLOURS = {
    "compute": (GREY, (Kind.ALU, Kind.MUL, Kind.NOP)),
    "branch, call": (YELLOW, (Kind.BRANCH, Kind.JUMP, Kind.CALL, Kind.RET)),
    "load": (SKY, (Kind.LOAD,)),
    "store, clear": (GREEN, (Kind.STORE, Kind.ZERO)),
    "atomic": (VERMILION, (Kind.RMW,)),
    "barrier": (BLACK, (Kind.DSB, Kind.DMB, Kind.ISB)),
    "tlbi, system": (PURPLE, (Kind.TLBI, Kind.SYSTEM)),
}
"""Kind of micro-op, as the legend names it, to its colour."""


def timeline_picture(timeline: Timeline, *, headline: str, subtitle: str) -> Picture:
    """Draw every micro-op as a line from dispatch to retirement, thick while it executes.

    Raises ConfigError for more micro-ops than a picture can hold.
    """
    ops = timeline.micro_ops
    if len(ops) > MOST_ROWS:
        reason = f"must be fewer: a picture holds {MOST_ROWS} micro-ops, `trace` any number"
        raise ConfigError.of("--ptes", reason, got=f"{len(ops)} micro-ops")
    row_inches = min(MOST_ROW, max(LEAST_ROW, BODY_INCHES / len(ops)))
    with look():
        height = len(ops) * row_inches + OUTSIDE_INCHES + 0.3
        figure = new_figure(height)
        ax = figure.subplots()
        _draw(ax, ops, row_inches)
        _names(ax, ops, row_inches)
        _reasons(ax, ops, row_inches)
        ax.set_ylim(len(ops) - 0.5 + 0.5 * TEXT_INCHES / row_inches, -0.5)
        ax.set_xlim(-1, 1.12 * timeline.cycles)
        ax.set_xlabel("core cycles from the first dispatch shown")
        ax.grid(axis="x")
        write_title(figure, headline, subtitle)
        draw_legend(figure, _key(ops), columns=5)
    return Picture(figure, headline)


def _cycles(ticks: int) -> float:
    return ticks / TICKS_PER_CYCLE


def _draw(ax: Axes, ops: Sequence[MicroOpTimes], row_inches: float) -> None:
    points = 72 * row_inches
    at = range(len(ops))
    ax.hlines(
        at, [_cycles(op.dispatch) for op in ops], [_cycles(op.retire) for op in ops],
        color=LIGHT, linewidth=0.45 * points, zorder=1,
    )  # fmt: skip
    late = [(i, op) for i, op in enumerate(ops) if op.start > op.ready]
    ax.hlines(
        [i for i, _ in late], [_cycles(op.ready) for _, op in late],
        [_cycles(op.start) for _, op in late], color=ORANGE, linewidth=0.45 * points, zorder=1.5,
    )  # fmt: skip
    for colour, kinds in COLOURS.values():
        _executing(ax, ops, kinds, colour, 0.85 * points, 3)
    _executing(ax, ops, _EDGED, BLACK, 0.85 * points + 1.2, 2.9)
    ax.plot([_cycles(op.retire) for op in ops], list(at), color=BLACK, linewidth=0.5, zorder=2)
    _inputs(ax, ops)


def _executing(
    ax: Axes,
    ops: Sequence[MicroOpTimes],
    kinds: Sequence[Kind],
    colour: str,
    points: float,
    zorder: float,
) -> None:
    mine = [(row, op) for row, op in enumerate(ops) if op.kind in kinds]
    ax.hlines(
        [row for row, _ in mine], [_cycles(op.start) for _, op in mine],
        [max(_cycles(op.done), _cycles(op.start) + 0.2) for _, op in mine],
        color=colour, linewidth=points, zorder=zorder,
    )  # fmt: skip


def _inputs(ax: Axes, ops: Sequence[MicroOpTimes]) -> None:
    """Draw a line from the input that came last to the micro-op that waited for it."""
    from matplotlib.collections import LineCollection

    row_of = {op.row: row for row, op in enumerate(ops)}
    lines = [
        ((_cycles(op.ready), row_of[op.producer]), (_cycles(op.ready), row))
        for row, op in enumerate(ops)
        if op.producer in row_of
    ]
    ax.add_collection(LineCollection(lines, colors=BLACK, linewidths=0.35, alpha=0.6, zorder=2.5))


def _names(ax: Axes, ops: Sequence[MicroOpTimes], row_inches: float) -> None:
    """Label the rows: all of them where there is room, else what touches memory or orders it."""
    apart = TEXT_INCHES / row_inches
    shown: list[int] = []
    notable = [i for i, op in enumerate(ops) if op.kind not in _PLAIN or op.mispredicted]
    for row in notable if apart > 1 else range(len(ops)):
        if not shown or row - shown[-1] >= apart:
            shown.append(row)
    ax.set_yticks(shown, [label(ops[row]) for row in shown], fontsize=LABEL)
    ax.tick_params(axis="y", length=1.5, pad=1.5)


def _reasons(ax: Axes, ops: Sequence[MicroOpTimes], row_inches: float) -> None:
    """Write what held up retirement behind the micro-ops that held it up most."""
    apart = TEXT_INCHES / row_inches
    shown: list[int] = []
    late = {row: max(op.charged.values(), default=0) for row, op in enumerate(ops)}
    for row in sorted(late, key=lambda r: (-late[r], r)):
        op = ops[row]
        if late[row] < NOTABLE_CYCLES * TICKS_PER_CYCLE:
            break
        if any(abs(row - other) < apart for other in shown):
            continue
        shown.append(row)
        cause = max(op.charged, key=lambda c: op.charged[c])
        words = cause.name.lower().replace("_", " ")
        # Behind what retires in all rows that the text covers, so that no line runs through it.
        covered = ops[max(0, math.floor(row - apart / 2)) : math.ceil(row + apart / 2) + 1]
        ax.annotate(
            f"{words} {_cycles(late[row]):.0f}", (_cycles(max(o.retire for o in covered)), row),
            xytext=(3, 0),
            textcoords="offset points", fontsize=LABEL, va="center_baseline",
        )  # fmt: skip


def _key(ops: Sequence[MicroOpTimes]) -> Iterator[Artist]:
    from matplotlib.lines import Line2D

    for name, (colour, kinds) in COLOURS.items():
        if any(op.kind in kinds for op in ops):
            yield Line2D([], [], color=colour, linewidth=4, label=name)
    yield Line2D([], [], color=LIGHT, linewidth=3, label="in the window")
    if any(op.start > op.ready for op in ops):
        yield Line2D([], [], color=ORANGE, linewidth=3, label="ready, held back")
    yield Line2D([], [], color=BLACK, linewidth=0.6, label="waits for / retires")
