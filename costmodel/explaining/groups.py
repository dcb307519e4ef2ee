"""Sorts micro-ops into groups that a kernel developer would name; counts TLB maintenance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from costmodel.code.trace import TableRun, Trace, ptes_of
from costmodel.code.uops import Kind, Subkind, Target
from costmodel.mm import struct_page
from costmodel.mm.pte import CONT_PTES
from costmodel.units import LINE_BYTES

GATHER = "gather"
"""Event of the steps that read a whole contiguous block for its access and dirty bits."""
CLEAR = "clear"
"""Event of the steps that clear an entry to unmap its page; that of a convert is ``clear_src``."""
RESTORE = "restore_"
"""Beginning of the events of steps that write the entries of a contiguous block again."""


class UopGroup(IntEnum):
    """What a micro-op is for; every micro-op is in exactly one group."""

    ARITHMETIC = 0
    BRANCHES = 1
    CALLS = 2
    SOURCE_LOADS = 3
    GATHER_LOADS = 4
    CHILD_LOADS = 5
    CHILD_STORES = 6
    STRUCT_PAGE = 7
    REFCOUNT = 8
    EXCLUSIVE = 9
    MAPCOUNT = 10
    LARGE_MAPCOUNT = 11
    PTE_ATOMICS = 12
    OTHER_ATOMICS = 13
    STACK = 14
    HOT = 15
    SWAPS = 16
    CONVERT_STORES = 17
    INVALIDATION = 18
    TABLE = 19

    @property
    def title(self) -> str:
        """The name of the group in tables."""
        return _TITLES[self]


_TITLES = {
    UopGroup.ARITHMETIC: "arithmetic, moves, nops",
    UopGroup.BRANCHES: "branches",
    UopGroup.CALLS: "calls and returns",
    UopGroup.SOURCE_LOADS: "source-PTE loads",
    UopGroup.GATHER_LOADS: "gather loads (16-PTE blocks)",
    UopGroup.CHILD_LOADS: "child-PTE loads",
    UopGroup.CHILD_STORES: "child-PTE stores",
    UopGroup.STRUCT_PAGE: "struct-page loads",
    UopGroup.REFCOUNT: "atomics: refcount",
    UopGroup.EXCLUSIVE: "atomics: page flags",
    UopGroup.MAPCOUNT: "atomics: mapcount",
    UopGroup.LARGE_MAPCOUNT: "atomics: large mapcount",
    UopGroup.PTE_ATOMICS: "atomics: PTE updates",
    UopGroup.OTHER_ATOMICS: "atomics: locks, counters",
    UopGroup.STACK: "stack loads and stores",
    UopGroup.HOT: "other hot loads and stores",
    UopGroup.SWAPS: "convert: swaps",
    UopGroup.CONVERT_STORES: "convert: stores back",
    UopGroup.INVALIDATION: "convert: TLBI and barriers",
    UopGroup.TABLE: "page-table allocation",
}

_PAGE_FIELDS = {
    **dict.fromkeys(struct_page.FLAGS, UopGroup.EXCLUSIVE),
    struct_page.LARGE_MAPCOUNT: UopGroup.LARGE_MAPCOUNT,
    struct_page.MAPCOUNT: UopGroup.MAPCOUNT,
    struct_page.REFCOUNT: UopGroup.REFCOUNT,
}
"""The group of atomics on ``struct page``, by offset in bytes."""

_BY_KIND = {
    Kind.BRANCH: UopGroup.BRANCHES,
    Kind.JUMP: UopGroup.BRANCHES,
    Kind.CALL: UopGroup.CALLS,
    Kind.RET: UopGroup.CALLS,
    Kind.DSB: UopGroup.INVALIDATION,
    Kind.DMB: UopGroup.INVALIDATION,
    Kind.ISB: UopGroup.INVALIDATION,
    Kind.TLBI: UopGroup.INVALIDATION,
    Kind.RMW: UopGroup.OTHER_ATOMICS,
    Kind.LOAD: UopGroup.HOT,
    Kind.STORE: UopGroup.HOT,
    Kind.ZERO: UopGroup.STACK,
}
_BY_ACCESS = {
    (Kind.LOAD, Target.SRC): UopGroup.SOURCE_LOADS,
    (Kind.LOAD, Target.DST): UopGroup.CHILD_LOADS,
    (Kind.LOAD, Target.PAGE): UopGroup.STRUCT_PAGE,
    (Kind.LOAD, Target.BUDDY): UopGroup.STRUCT_PAGE,
    (Kind.LOAD, Target.STACK): UopGroup.STACK,
    (Kind.STORE, Target.STACK): UopGroup.STACK,
    (Kind.STORE, Target.SRC): UopGroup.CONVERT_STORES,
    (Kind.STORE, Target.DST): UopGroup.CHILD_STORES,
    (Kind.RMW, Target.SRC): UopGroup.PTE_ATOMICS,
    (Kind.RMW, Target.DST): UopGroup.PTE_ATOMICS,
    (Kind.ZERO, Target.DST): UopGroup.TABLE,
}
_OF_THE_LOOP = (Target.SRC, Target.DST, Target.PAGE)

UopGroups = NDArray[np.uint8]
"""The :class:`UopGroup` of each micro-op, uint8[n]."""


def groups_of(trace: Trace) -> UopGroups:
    """Return the group of every micro-op of a trace, uint8[n]."""
    groups = _table()[trace.kind, trace.target]
    atomic = trace.kind == Kind.RMW
    for offset, group in _PAGE_FIELDS.items():
        here = atomic & (trace.target == Target.PAGE) & (trace.address % LINE_BYTES == offset)
        groups[here] = group
    table_entry = np.isin(trace.target, (Target.SRC, Target.DST))
    groups[atomic & table_entry & (trace.subkind == Subkind.RMW_VALUE)] = UopGroup.SWAPS
    _by_step(trace, groups)
    return groups


def _table() -> NDArray[np.uint8]:
    table = np.full((len(Kind), len(Target)), UopGroup.ARITHMETIC, np.uint8)
    for kind, group in _BY_KIND.items():
        table[kind, :] = group
    for (kind, target), group in _BY_ACCESS.items():
        table[kind, target] = group
    return table


def _by_step(trace: Trace, groups: UopGroups) -> None:
    """Set the groups that depend on the step: gathers, clears, converts, allocation of tables."""
    starts = trace.step_start
    if not len(starts):
        return
    known = len(trace.step_names)
    names = np.array([*trace.step_names, ""])[np.minimum(trace.step_id, known)]
    gathers = _rows(trace, names == GATHER)
    groups[gathers & (groups == UopGroup.SOURCE_LOADS)] = UopGroup.GATHER_LOADS
    cleared = _rows(trace, names == CLEAR)
    groups[cleared & (groups == UopGroup.SWAPS)] = UopGroup.PTE_ATOMICS
    restores = _rows(trace, np.char.startswith(names, RESTORE))
    groups[restores & (groups == UopGroup.CHILD_STORES)] = UopGroup.CONVERT_STORES
    clears = np.add.reduceat(groups == UopGroup.TABLE, starts) > 0
    groups[_rows(trace, clears) & ~np.isin(trace.target, _OF_THE_LOOP)] = UopGroup.TABLE


def _rows(trace: Trace, steps: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which rows belong to the chosen steps, bool[n]; ``steps`` is bool[number of steps]."""
    lengths = np.diff(np.append(trace.step_start, len(trace)))
    return np.repeat(steps, lengths)


@dataclass(frozen=True)
class Maintenance:
    """TLB maintenance per PTE, averaged over all page tables.

    ``tlbis`` are those of single pages. ``barriers`` are DSBs of both kinds, without those of
    allocating page tables.
    """

    converts: float
    tlbis: float
    range_tlbis: float
    barriers: float

    @property
    def any(self) -> bool:
        """Whether there are any converts or TLBIs."""
        return bool(self.converts or self.tlbis or self.range_tlbis)


def maintenance_of(runs: Sequence[TableRun]) -> Maintenance:
    """Return the TLB maintenance of page tables, per PTE."""
    ptes = ptes_of(runs)
    swaps = tlbis = ranges = barriers = 0
    for run in runs:
        trace, groups = run.trace, groups_of(run.trace)
        here = (trace.kind == Kind.DSB) & (groups == UopGroup.INVALIDATION)
        ranged = trace.subkind == Subkind.TLBI_RANGE
        swaps += run.count * int(np.count_nonzero(groups == UopGroup.SWAPS))
        tlbis += run.count * int(np.count_nonzero((trace.kind == Kind.TLBI) & ~ranged))
        ranges += run.count * int(np.count_nonzero(ranged))
        barriers += run.count * int(np.count_nonzero(here))
    return Maintenance(
        converts=swaps / CONT_PTES / ptes,
        tlbis=tlbis / ptes,
        range_tlbis=ranges / ptes,
        barriers=barriers / ptes,
    )
