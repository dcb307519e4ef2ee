"""Predicted loops as a table: measured beside predicted, the mean error last."""

from __future__ import annotations

from collections.abc import Sequence

from costmodel.loops.price import PricedLoop, mean_absolute_error_pct
from costmodel.results.text.layout import paragraph

_NAME = 42


def loops_text(loops: Sequence[PricedLoop], title: str) -> str:
    """Return one line per loop, at most 76 columns wide, and the mean error in the last line."""
    lines = [f"{title}, cycles per iteration", f"{'loop':<{_NAME}} measured predicted   error"]
    for loop in loops:
        measured = "" if loop.measured_cycles is None else f"{loop.measured_cycles:.2f}"
        error = "" if loop.error_pct is None else f"{loop.error_pct:+.1f}%"
        name = loop.name if len(loop.name) <= _NAME else loop.name[: _NAME - 3] + "..."
        line = f"{name:<{_NAME}} {measured:>8} {loop.predicted_cycles:>9.2f} {error:>7}"
        lines.append(line.rstrip())
    mean = mean_absolute_error_pct(loops)
    if mean is None:
        lines.append(f"{len(loops)} loops, none of them measured")
    else:
        errors = [abs(loop.error_pct) for loop in loops if loop.error_pct is not None]
        lines.append(
            paragraph(
                f"{len(loops)} loops, {len(errors)} of them measured: mean absolute error "
                f"{mean:.1f} %, worst {max(errors):.1f} %",
                hanging="  ",
            )
        )
    return "\n".join(lines) + "\n"
