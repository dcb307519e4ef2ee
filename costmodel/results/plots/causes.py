"""The causes of a CPI stack in families that a picture can tell apart, also in black and white."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from costmodel.results.plots.style import (
    BLUE,
    GREEN,
    GREY,
    LIGHT,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    YELLOW,
    Fill,
)

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
"""Family to its look and its causes."""
OTHER: Final = "other"
OTHER_FILL: Final = Fill(GREY)


def fill(family: str) -> Fill:
    """Return the look of a family."""
    return FAMILIES[family][0] if family in FAMILIES else OTHER_FILL


def by_family(stack: Mapping[str, float]) -> dict[str, float]:
    """Return ns per PTE by family, in the order of the picture; causes unknown here are other."""
    left = dict(stack)
    parts = {
        family: sum(left.pop(cause, 0.0) for cause in causes)
        for family, (_, causes) in FAMILIES.items()
    }
    parts[OTHER] = sum(left.values())
    return {family: part for family, part in parts.items() if part}
