"""CPI stacks: where the nanoseconds of every strategy go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from costmodel.results.document import ResultFile, unique
from costmodel.results.plots.panels import Panel, axis_label, draw_legend, panels
from costmodel.results.plots.picture import Picture, look, write_title
from costmodel.results.plots.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    LIGHT,
    ORANGE,
    PURPLE,
    SKY,
    SMALL,
    VERMILION,
    YELLOW,
    Fill,
)
from costmodel.results.records import ResultCell

if TYPE_CHECKING:
    from matplotlib.artist import Artist


FAMILIES: Final[Mapping[str, tuple[Fill, tuple[str, ...]]]] = {
    # What can grow without bounds stands first: a bar that is cut then shows why it is so long.
    "TLBI, barriers": (
        Fill(VERMILION, "\\\\\\\\"),
        ("tlbi", "barrier", "interconnect", "asid_flush"),
    ),
    "atomics": (Fill(ORANGE, "...."), ("atomic", "locked")),
    "store queue": (Fill(PURPLE, "oo"), ("store_buffer",)),
    "LLC, DRAM, TLB": (
        Fill(BLUE, "////"),
        ("llc", "dram", "prefetch", "miss_registers", "tlb"),
    ),
    "L1, L2, forwarding": (Fill(GREEN, "xxxx"), ("l1", "l2", "store_forward")),
    "mispredicts": (Fill(YELLOW, "++++"), ("branch_mispredict",)),
    "dependencies": (Fill(SKY, "----"), ("dependency",)),
    "width, ports": (Fill("#FFFFFF"), ("width", "port")),
    "tables, fixed": (Fill(LIGHT, "||||"), ("zeroing", "table_alloc", "fork_fixed", "system")),
}
"""By the name of a family of causes: how it is filled, and which causes belong to it."""
OTHER: Final = "other"
OTHER_FILL: Final = Fill(GREY)


def fill(family: str) -> Fill:
    """Return how the area of a family is filled."""
    return FAMILIES[family][0] if family in FAMILIES else OTHER_FILL


def by_family(stack: Mapping[str, float]) -> dict[str, float]:
    """Return ns per PTE by family, in the order of the picture; unknown causes are other."""
    left = dict(stack)
    parts = {
        family: sum(left.pop(cause, 0.0) for cause in causes)
        for family, (_, causes) in FAMILIES.items()
    }
    parts[OTHER] = sum(left.values())
    return {family: part for family, part in parts.items() if part}


CUT = 1.9
"""A time longer than this many times the baseline's leaves the panel and is written as a number."""
BAR = 0.72
LEAST_SHARE = 0.005
"""A family that takes no more than this part of any bar cannot be seen, so the legend leaves it
out."""
ROOM = 1.22
"""The width of a panel, divided by that of its longest bar: there is room for a number behind
it."""


def stack_picture(results: ResultFile) -> Picture:
    """Draw ns per PTE of every strategy, split by cause."""
    with look():
        figure, made = panels(results, row_inches=0.17, extra_inches=0.4)
        for panel in made:
            high = _limit(panel)
            panel.axes.set_xlim(0, high)
            for row, entry in panel.rows():
                _draw(panel, row, entry, high)
        axis_label(made, "ns per PTE, without noise")
        headline = f"{results.headline}: where the time goes"
        how = f"Predicted time by cause (CPI stack){results.builds_said}"
        origin = f"{how}. costmodel {results.version}"
        write_title(figure, headline, origin, results.picture_notes)
        draw_legend(figure, _key(results), columns=5)
    return Picture(figure, headline)


def _limit(panel: Panel) -> float:
    times = [entry.ns_per_pte for entry in panel.entries]
    usual = [entry.ns_per_pte for entry in panel.entries if entry.is_baseline] or [min(times)]
    return ROOM * max(time for time in times if time <= CUT * usual[0])


def _draw(panel: Panel, row: int, entry: ResultCell, high: float) -> None:
    left = 0.0
    for family, part in by_family(entry.cpi_stack_ns_per_pte).items():
        width = min(part, high - left)
        if width <= 0:
            break
        look_ = fill(family)
        panel.axes.barh(
            row, width, BAR, left=left, color=look_.colour, hatch=look_.hatch,
            edgecolor=BLACK, linewidth=0.4,
        )  # fmt: skip
        left += part
    text = shown_ns(entry.ns_per_pte)
    if entry.ns_per_pte > high:
        panel.axes.plot([high], [row], ">", color=BLACK, markersize=6, clip_on=False, zorder=4)
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
        panel.axes.text(
            high * 0.95, row, text, ha="right", va="center_baseline", fontsize=SMALL - 0.5, bbox=box
        )
    else:
        panel.axes.text(
            entry.ns_per_pte + high * 0.015, row, text, va="center_baseline", fontsize=SMALL - 0.5
        )


def shown_ns(value: float) -> str:
    """Return a positive number with three digits, or with all that it has before the point.

    >>> shown_ns(17.96), shown_ns(5.249), shown_ns(998.4)
    ('18.0', '5.25', '998')
    """
    decimals = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{decimals}f}"


def _key(results: ResultFile) -> Iterator[Artist]:
    from matplotlib.patches import Patch

    used = unique(
        family
        for entry in results.cells
        for family, part in by_family(entry.cpi_stack_ns_per_pte).items()
        if part > LEAST_SHARE * entry.ns_per_pte
    )
    for family in (*FAMILIES, OTHER):
        if family in used:
            look_ = fill(family)
            yield Patch(
                facecolor=look_.colour, hatch=look_.hatch, edgecolor=BLACK, linewidth=0.4,
                label=family,
            )  # fmt: skip
