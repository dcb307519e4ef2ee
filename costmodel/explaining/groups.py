"""Sorts the micro-ops of a trace into groups that a kernel developer would name."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from costmodel.code.trace import Trace
from costmodel.code.uops import Flavour, Kind, Target
from costmodel.mm import struct_page
from costmodel.units import LINE_BYTES

GATHER = "gather"
"""Event of the steps that read a whole contiguous block for its access and dirty bits."""
CLEAR = "clear"
"""Event of the steps that clear an entry to unmap its page; a convert's is ``clear_src``."""
RESTORE = "restore_"
"""Events of the steps that write the entries of a contiguous block back start with this."""


class Group(IntEnum):
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
        """What tables call it."""
        return _TITLES[self]


_TITLES = {
    Group.ARITHMETIC: "arithmetic, moves, nops",
    Group.BRANCHES: "branches",
    Group.CALLS: "calls and returns",
    Group.SOURCE_LOADS: "source-PTE loads",
    Group.GATHER_LOADS: "gather loads (16-PTE blocks)",
    Group.CHILD_LOADS: "child-PTE loads",
    Group.CHILD_STORES: "child-PTE stores",
    Group.STRUCT_PAGE: "struct-page loads",
    Group.REFCOUNT: "atomics: refcount",
    Group.EXCLUSIVE: "atomics: page flags",
    Group.MAPCOUNT: "atomics: mapcount",
    Group.LARGE_MAPCOUNT: "atomics: large mapcount",
    Group.PTE_ATOMICS: "atomics: PTE updates",
    Group.OTHER_ATOMICS: "atomics: locks, counters",
    Group.STACK: "stack loads and stores",
    Group.HOT: "other hot loads and stores",
    Group.SWAPS: "convert: swaps",
    Group.CONVERT_STORES: "convert: stores back",
    Group.INVALIDATION: "convert: TLBI and barriers",
    Group.TABLE: "page-table allocation",
}

_PAGE_FIELDS = {
    **dict.fromkeys(struct_page.FLAGS, Group.EXCLUSIVE),
    struct_page.LARGE_MAPCOUNT: Group.LARGE_MAPCOUNT,
    struct_page.MAPCOUNT: Group.MAPCOUNT,
    struct_page.REFCOUNT: Group.REFCOUNT,
}
"""Offsets in ``struct page`` of what the copy loop updates atomically."""

_BY_KIND = {
    Kind.BRANCH: Group.BRANCHES,
    Kind.JUMP: Group.BRANCHES,
    Kind.CALL: Group.CALLS,
    Kind.RET: Group.CALLS,
    Kind.DSB: Group.INVALIDATION,
    Kind.DMB: Group.INVALIDATION,
    Kind.ISB: Group.INVALIDATION,
    Kind.TLBI: Group.INVALIDATION,
    Kind.RMW: Group.OTHER_ATOMICS,
    Kind.LOAD: Group.HOT,
    Kind.STORE: Group.HOT,
    Kind.ZERO: Group.STACK,
}
_BY_ACCESS = {
    (Kind.LOAD, Target.SRC): Group.SOURCE_LOADS,
    (Kind.LOAD, Target.DST): Group.CHILD_LOADS,
    (Kind.LOAD, Target.PAGE): Group.STRUCT_PAGE,
    (Kind.LOAD, Target.BUDDY): Group.STRUCT_PAGE,
    (Kind.LOAD, Target.STACK): Group.STACK,
    (Kind.STORE, Target.STACK): Group.STACK,
    (Kind.STORE, Target.SRC): Group.CONVERT_STORES,
    (Kind.STORE, Target.DST): Group.CHILD_STORES,
    (Kind.RMW, Target.SRC): Group.PTE_ATOMICS,
    (Kind.RMW, Target.DST): Group.PTE_ATOMICS,
    (Kind.ZERO, Target.DST): Group.TABLE,
}
_OF_THE_LOOP = (Target.SRC, Target.DST, Target.PAGE)

Groups = NDArray[np.uint8]
"""A :class:`Group` per micro-op, uint8[n]."""


def groups_of(trace: Trace) -> Groups:
    """Return the group of every micro-op of a trace."""
    groups = _table()[trace.kind, trace.target]
    atomic = trace.kind == Kind.RMW
    for offset, group in _PAGE_FIELDS.items():
        here = atomic & (trace.target == Target.PAGE) & (trace.address % LINE_BYTES == offset)
        groups[here] = group
    table_entry = np.isin(trace.target, (Target.SRC, Target.DST))
    groups[atomic & table_entry & (trace.flavour == Flavour.RMW_VALUE)] = Group.SWAPS
    _by_step(trace, groups)
    return groups


def _table() -> NDArray[np.uint8]:
    table = np.full((len(Kind), len(Target)), Group.ARITHMETIC, np.uint8)
    for kind, group in _BY_KIND.items():
        table[kind, :] = group
    for (kind, target), group in _BY_ACCESS.items():
        table[kind, target] = group
    return table


def _by_step(trace: Trace, groups: Groups) -> None:
    """Apply what only the step tells: gathers, clears, converts, the allocation of page tables."""
    starts = trace.step_start
    if not len(starts):
        return
    known = len(trace.step_names)
    names = np.array([*trace.step_names, ""])[np.minimum(trace.step_id, known)]
    gathers = _rows(trace, names == GATHER)
    groups[gathers & (groups == Group.SOURCE_LOADS)] = Group.GATHER_LOADS
    cleared = _rows(trace, names == CLEAR)
    groups[cleared & (groups == Group.SWAPS)] = Group.PTE_ATOMICS
    restores = _rows(trace, np.char.startswith(names, RESTORE))
    groups[restores & (groups == Group.CHILD_STORES)] = Group.CONVERT_STORES
    clears = np.add.reduceat(groups == Group.TABLE, starts) > 0
    groups[_rows(trace, clears) & ~np.isin(trace.target, _OF_THE_LOOP)] = Group.TABLE


def _rows(trace: Trace, steps: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which rows belong to the chosen steps."""
    lengths = np.diff(np.append(trace.step_start, len(trace)))
    return np.repeat(steps, lengths)
