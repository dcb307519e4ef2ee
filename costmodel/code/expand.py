"""Expands recorded fragments into rows: computes addresses, and the producer of every input."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from costmodel.arrays import Ints
from costmodel.code.library import ROLES
from costmodel.code.uops import Kind, Target
from costmodel.jit import compiled, inlined
from costmodel.mm.pte import CONT_PTES, PTE_BYTES
from costmodel.units import LINE_BYTES

REGION_SHIFT: Final = 44
"""Bits of an address below the number of its target, so that regions do not overlap."""
SLOT_ORIGIN: Final = 1 << 30
"""Address of PTE 0 in its region; entries before it have addresses too."""
_LINES: Final = 4096
"""The first size of the table of lines."""

_BLOCK = ROLES.index("block")
_CONTEXT = {
    "slot": 0,
    "block": 0,
    "last_slot": 1,
    "page": 2,
    "last_page": 3,
    "head": 4,
    "last_head": 5,
}
_COLUMN = np.array([_CONTEXT.get(role, -1) for role in ROLES])
"""For each role, the column of the contexts that an address is relative to; -1 for none."""
_SRC, _DST = int(Target.SRC), int(Target.DST)
_LOAD, _STORE, _RMW, _ZERO = (int(k) for k in (Kind.LOAD, Kind.STORE, Kind.RMW, Kind.ZERO))


def lay_out(
    record_fragments: Ints,
    contexts: Ints,
    fragment_start: Ints,
    fragment_length: Ints,
    row_uop: Ints,
    row_role: Ints,
    row_index: Ints,
    row_offset: Ints,
    near: NDArray[np.int32],
    far: NDArray[np.int32],
    group_start: Ints,
    group_member: Ints,
    uop_target: Ints,
    hand_inputs: Ints,
    hand_address: Ints,
    library_row: Ints,
    inputs: NDArray[np.int32],
    address: Ints,
) -> None:
    """Fill ``library_row``, ``inputs[:, :4]`` and ``address`` of the trace's rows.

    ``library_row`` becomes the row of the library, or ``-1 - k`` for hand-written micro-op ``k``.
    """
    latest = np.full(len(uop_target), -1, dtype=np.int64)
    row = 0
    for step in range(len(record_fragments)):
        fragment = record_fragments[step]
        if fragment < 0:
            hand = -1 - fragment
            library_row[row] = fragment
            address[row] = hand_address[hand]
            for column in range(4):
                inputs[row, column] = hand_inputs[hand, column]
            row += 1
            continue
        start = fragment_start[fragment]
        for position in range(fragment_length[fragment]):
            line = start + position
            uop = row_uop[line]
            library_row[row] = line
            for column in range(4):
                inputs[row, column] = _producer(
                    row, near[line, column], far[line, column], group_start, group_member, latest
                )
            address[row] = _address(
                uop_target[uop], row_role[line], row_index[line], row_offset[line], contexts, step
            )
            latest[uop] = row
            row += 1


@inlined
def _producer(
    row: int, back: int, group: int, group_start: Ints, group_member: Ints, latest: Ints
) -> int:
    """Return the row of a producer: ``back`` rows back, or the latest of a group; -1 for none."""
    if back > 0:
        return row - back
    producer = -1
    if group >= 0:
        for member in range(group_start[group], group_start[group + 1]):
            producer = max(producer, latest[group_member[member]])
    return producer


@inlined
def _address(target: int, role: int, index: int, offset: int, contexts: Ints, step: int) -> int:
    """Return the address of a row of a step; -1 for no memory."""
    if target == 0:
        return -1
    origin = contexts[step, _COLUMN[role]] if _COLUMN[role] >= 0 else 0
    if role == _BLOCK:
        origin -= origin % CONT_PTES
    if target in (_SRC, _DST):
        place = SLOT_ORIGIN + (origin + index) * PTE_BYTES + offset
    else:
        place = (origin + index) * LINE_BYTES + offset
    return int((target << REGION_SHIFT) + place)


def number_lines(
    address: Ints, size_bytes: NDArray[np.int16], places: int
) -> tuple[Ints, Ints, int]:
    """Return a small number for every line that is touched, as a table with open addressing.

    Returns the lines (-1 where a place is free), their numbers at the same places, and how many
    lines there are. ``places``, a power of two, is the first size of the table; mostly that is
    enough, because few lines are touched again and again.
    """
    table, numbers = np.full(places, -1, np.int64), np.zeros(places, np.int64)
    count = 0
    for row in range(len(address)):
        if address[row] < 0:
            continue
        first = address[row] // LINE_BYTES
        last = (address[row] + max(size_bytes[row], 1) - 1) // LINE_BYTES
        for line in range(first, last + 1):
            place = _place(table, line)
            if table[place] >= 0:
                continue
            table[place], numbers[place] = line, count
            count += 1
            if 2 * count > len(table):
                table, numbers = _larger(table, numbers)
    return table, numbers, count


@compiled
def _larger(table: Ints, numbers: Ints) -> tuple[Ints, Ints]:
    """Return a table of twice the size with the same lines and numbers."""
    larger = np.full(2 * len(table), -1, np.int64)
    theirs = np.zeros(len(larger), np.int64)
    for old in np.flatnonzero(table >= 0):
        place = _place(larger, table[old])
        larger[place], theirs[place] = table[old], numbers[old]
    return larger, theirs


@inlined
def _place(table: Ints, line: int | np.int64) -> int:
    """Return the place of a line in the table, or the free place where it belongs."""
    mask = len(table) - 1
    place = (line * 0x9E3779B1) & mask
    while table[place] != -1 and table[place] != line:
        place = (place + 1) & mask
    return int(place)


def link_memory(
    kind: NDArray[np.uint8],
    address: Ints,
    size_bytes: NDArray[np.int16],
    table: Ints,
    numbers: Ints,
    writer: NDArray[np.int32],
    inputs: NDArray[np.int32],
) -> None:
    """Fill ``inputs[:, 4]`` with the youngest older micro-op that wrote a byte which a row reads.

    ``writer``, int32[lines, 64], must be all -1 before.
    """
    for row in range(len(address)):
        inputs[row, 4] = -1
        if address[row] < 0:
            continue
        reads = kind[row] in (_LOAD, _RMW)
        writes = kind[row] in (_STORE, _RMW, _ZERO)
        number = np.int64(-1)
        current = np.int64(-1)
        youngest = -1
        for byte in range(address[row], address[row] + size_bytes[row]):
            line = np.int64(byte // LINE_BYTES)
            if line != current:
                current = line
                number = numbers[_place(table, line)]
            if reads:
                youngest = max(youngest, writer[number, byte % LINE_BYTES])
            if writes:
                writer[number, byte % LINE_BYTES] = row
        inputs[row, 4] = youngest


_lay_out: Any = compiled(lay_out)
_number_lines: Any = compiled(number_lines)
_link_memory: Any = compiled(link_memory)


def expand(arguments: tuple[NDArray[Any], ...]) -> None:
    """Call :func:`lay_out`, compiled where numba is installed."""
    _lay_out(*arguments)


def memory_producers(
    kind: NDArray[np.uint8], address: Ints, size_bytes: NDArray[np.int16], inputs: NDArray[np.int32]
) -> None:
    """Fill the memory column of ``inputs``, as :func:`link_memory` does."""
    table, numbers, count = _number_lines(address, size_bytes, _LINES)
    writer = np.full((count + 1, LINE_BYTES), -1, dtype=np.int32)
    _link_memory(kind, address, size_bytes, table, numbers, writer, inputs)
