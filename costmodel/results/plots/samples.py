"""The distribution of every iteration of every run, one lane of dots per run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from costmodel.results.document import ResultFile
from costmodel.results.plots.panels import Panel, axis_label, draw_legend, panels
from costmodel.results.plots.picture import Picture, look, write_title
from costmodel.results.plots.stack import CUT
from costmodel.results.plots.style import BLACK, BLUE, ORANGE, SMALL
from costmodel.results.records import ResultKey

if TYPE_CHECKING:
    from matplotlib.artist import Artist

Samples = Mapping[ResultKey, NDArray[np.int64]]
"""Picoseconds, int64[runs, iterations], by the key of a cell."""

LANES = 0.8
"""The part of a row's height that the lanes of its runs take together."""
PS_PER_MS = 1e9


def samples_picture(results: ResultFile, samples: Samples) -> Picture:
    """Draw the time of every iteration; runs of one strategy stand below each other."""
    with look():
        figure, made = panels(results, row_inches=0.3, extra_inches=0.4)
        for panel in made:
            _fill(panel, samples)
        axis_label(made, "ms per operation")
        first, seed = results.first, results.provenance.seed
        headline = f"{results.headline}: {first.runs} runs x {first.iterations} iterations"
        origin = f"Predicted with noise, seed {seed}{results.builds_said}."
        origin += " One lane per run, the first on top."
        write_title(
            figure, headline, f"{origin} costmodel {results.version}", results.picture_notes
        )
        draw_legend(figure, _key(), columns=3)
    return Picture(figure, headline)


def _fill(panel: Panel, samples: Samples) -> None:
    times = {row: samples[entry.key] / PS_PER_MS for row, entry in panel.rows()}
    usual = [times[row].mean() for row, entry in panel.rows() if entry.is_baseline]
    inside = {row: t for row, t in times.items() if not usual or t.mean() <= CUT * usual[0]}
    low = min(float(t.min()) for t in inside.values())
    high = max(float(t.max()) for t in inside.values())
    pad = 0.04 * (high - low)
    panel.axes.set_xlim(low - pad, high + pad)
    panel.axes.locator_params(axis="x", nbins=5)
    for row, time in times.items():
        if row in inside:
            _lanes(panel, row, time)
        else:
            panel.axes.plot([high + pad], [row], ">", color=BLUE, markersize=6, clip_on=False)
            panel.axes.text(
                high, row, f"{time.mean():.1f} ms", ha="right", va="center_baseline",
                fontsize=SMALL,
            )  # fmt: skip


def _lanes(panel: Panel, row: int, times: NDArray[np.float64]) -> None:
    runs, iterations = times.shape
    lanes = row + LANES * ((np.arange(runs) + 0.5) / runs - 0.5)
    panel.axes.plot(
        times.ravel(), np.repeat(lanes, iterations), ".", color=BLUE, markersize=2.0,
        markeredgewidth=0, rasterized=True,
    )  # fmt: skip
    panel.axes.plot(
        times.mean(axis=1), lanes, "|", color=BLACK, markersize=2.6, markeredgewidth=0.9
    )
    mean = times.mean()
    panel.axes.plot(
        [mean, mean], [row - LANES / 2, row + LANES / 2], color=ORANGE, linewidth=1.2, zorder=1.5
    )


def _key() -> Iterator[Artist]:
    from matplotlib.lines import Line2D

    yield Line2D(
        [], [], linestyle="none", marker=".", color=BLUE, markersize=3, label="one iteration"
    )
    yield Line2D(
        [], [], linestyle="none", marker="|", color=BLACK, markersize=5, label="mean of a run"
    )
    yield Line2D([], [], color=ORANGE, label="mean of the run means")
