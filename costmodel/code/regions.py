"""What the core has to know about the memory that a micro-op touches.

A target says which object of the kernel it is. The cost depends only on when a line of it was used
last, and on how its address is translated.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from costmodel.code.uops import Target
from costmodel.mm.pte import TABLE_PTES
from costmodel.mm.struct_page import STRUCT_PAGE_BYTES


class LastMet(IntEnum):
    """When a line was used last, before its first use in the work on a page table."""

    TABLE_BEFORE = 0  # with the table before: all tables share it
    CLEARED = 1  # cleared a moment ago, for this table
    ROUND = 2  # one round through the workload ago, unless the run says else
    WHOLE_ROUND = 3  # one such round ago, whatever the run says


class Reached(IntEnum):
    """How the addresses of a target are translated."""

    HOT = 0  # by translations that are always there
    LINEAR_MAP = 1  # the kernel's mapping of memory
    VMEMMAP = 2  # the array of struct pages


class TargetMemory(NamedTuple):
    """The memory of one target."""

    last_met: LastMet = LastMet.TABLE_BEFORE
    reached: Reached = Reached.HOT
    of_frames: bool = False
    """Whether these are struct pages of mapped frames, whose addresses follow from the frames."""


REGIONS: Final = {
    Target.SRC: TargetMemory(LastMet.ROUND, Reached.LINEAR_MAP),
    Target.DST: TargetMemory(LastMet.CLEARED, Reached.LINEAR_MAP),
    Target.PAGE: TargetMemory(LastMet.ROUND, Reached.VMEMMAP, of_frames=True),
    Target.TABLEPAGE: TargetMemory(LastMet.ROUND, Reached.VMEMMAP),
    Target.BUDDY: TargetMemory(LastMet.WHOLE_ROUND, Reached.VMEMMAP, of_frames=True),
}
"""The memory of the targets that differ from the defaults, because tables do not share it."""

VMEMMAP_BYTES: Final = 2 << 20
"""Block size by which both architectures map struct pages (``vmemmap_populate_hugepages()``)."""
TABLE_STRUCT_BYTES: Final = TABLE_PTES * STRUCT_PAGE_BYTES
"""Size of the struct pages of the memory that one page table maps."""


_ALL = [REGIONS.get(target, TargetMemory()) for target in Target]
LAST_MET: Final[NDArray[np.uint8]] = np.array([region.last_met for region in _ALL], np.uint8)
"""The :class:`LastMet` of each target, by number."""
REACHED: Final[NDArray[np.uint8]] = np.array([region.reached for region in _ALL], np.uint8)
"""The :class:`Reached` of each target, by number."""
OF_FRAMES: Final[NDArray[np.bool_]] = np.array([region.of_frames for region in _ALL])
"""The :attr:`TargetMemory.of_frames` of each target, by number."""
