"""Draws the picture of a kind: of results, of samples, or of a cell."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from costmodel import __version__
from costmodel.config.errors import ConfigError
from costmodel.config.sizes import size_text
from costmodel.results.document import ResultFile, column_title
from costmodel.results.plots.picture import Picture

if TYPE_CHECKING:
    from costmodel.experiment import Cell
    from costmodel.results.plots.samples import Samples

KINDS = ("change", "order", "stack", "samples", "cpus", "shared")
"""The kinds of pictures of results; a ``timeline`` is the picture of a single cell."""
ONE_BUILD = ("order", "stack")
"""The kinds that show absolute times: all times of a machine must be of one build."""


def draw(results: ResultFile, kind: str, *, samples: Samples | None = None) -> Picture:
    """Return the picture of a kind (one of ``KINDS``).

    ``samples`` are the times of each cell, which the kind ``samples`` needs. Raises ConfigError
    where the results do not hold what the kind shows, or times of several builds that it would
    set beside each other.
    """
    if kind in ONE_BUILD and results.mixes_builds:
        reason = (
            "sets times beside each other, and the file holds times of several builds: "
            "name the scenario, or run it with --build"
        )
        raise ConfigError.of(f"--kind {kind}", reason)
    if kind == "samples":
        from costmodel.results.plots.samples import samples_picture

        if not samples:
            reason = "needs every iteration: name a scenario, not a result file, and leave noise on"
            raise ConfigError.of("--kind samples", reason)
        return samples_picture(results, samples)
    if kind == "order":
        from costmodel.results.plots.order import order_picture

        return order_picture(results)
    if kind in ("cpus", "shared"):
        from costmodel.results.plots import crowd

        return crowd.cpus_picture(results) if kind == "cpus" else crowd.shared_picture(results)
    if kind == "stack":
        from costmodel.results.plots.stack import stack_picture

        return stack_picture(results)
    from costmodel.results.plots.change import change_picture

    return change_picture(results)


def draw_window(cell: Cell, *, ptes: int, cut: bool = False) -> Picture:
    """Return the timeline of ``ptes`` entries of a cell.

    Raises ConfigError for more micro-ops than a picture can hold. With ``cut``, and where one entry
    alone has more, as a folio that is handled at once has, the picture shows the first of them and
    says so.
    """
    from costmodel.results.plots.timeline import MOST_ROWS, timeline_picture
    from costmodel.timeline.cell import timeline_of

    workload = cell.workload
    what = f"{workload.operation} of {size_text(workload.memory_bytes)} ({workload.state})"
    shown = timeline_of(cell, ptes=ptes)
    where = f"{cell.machine.name}, {cell.strategy}, {column_title(workload.layout)}"
    where += f", build {shown.build}"
    rows = len(shown.micro_ops)
    cut = cut or len(timeline_of(cell, ptes=1).micro_ops) > MOST_ROWS
    if rows > MOST_ROWS and cut:
        shown = replace(shown, micro_ops=shown.micro_ops[:MOST_ROWS])
        where += f", the first {MOST_ROWS} of {rows} micro-ops"
    return timeline_picture(
        shown,
        headline=f"{what}: {shown.shows} in the out-of-order window",
        subtitle=f"{where}. costmodel {__version__}",
    )
