"""Where a window begins and ends in what was executed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from costmodel.config.errors import ConfigError
from costmodel.emulation.emulator import EmulatedCall
from costmodel.emulation.errors import refuse
from costmodel.emulation.scenes import PTE_BYTES, STEADY
from costmodel.mm.pte import TABLE_PTES

_LONGEST: Final = 400
"""Instructions within which a branch must follow the read of an entry."""


class NoLocksError(ConfigError):
    """The locks of the tables were not touched as they must be."""


@dataclass(frozen=True)
class CutWindow:
    """Instructions ``first`` to ``end`` (exclusive), and the entry that it starts at."""

    first: int
    end: int
    slot: int
    ptes: int


def loop_heads(done: EmulatedCall, table: int, step: int) -> list[int]:
    """Return addresses of instructions that read every ``step``-th entry, commonest first."""
    start, end = (table + slot * PTE_BYTES for slot in STEADY)
    votes = Counter(
        done.pcs[position]
        for position, address, _size, writes in done.accesses
        if not writes and start <= address < end and (address - start) % (step * PTE_BYTES) == 0
    )
    if not votes:
        raise refuse("record", "the table is not read: nothing was done")
    return [pc for pc, _ in votes.most_common()]


def steady(
    done: EmulatedCall, table: int, heads: Sequence[int], is_branch: Callable[[int], bool]
) -> CutWindow:
    """Cut 64 entries out of the middle, at the branch behind a loop head's read.

    ``heads``: candidates, of which the first that reads the first entry of a window and the first
    behind it is taken.
    """
    for head in heads:
        reads = [_read_at(done, table, head, slot) for slot in STEADY]
        if None not in reads:
            first, end = (_behind_branch(done, read or 0, is_branch) for read in reads)
            if done.pcs[first] == done.pcs[end]:
                return CutWindow(first, end, STEADY[0], STEADY[1] - STEADY[0])
    raise refuse("record", "the loop is not at the same place after 64 entries")


def _read_at(done: EmulatedCall, table: int, head: int, slot: int) -> int | None:
    """Return where ``head`` first reads an entry: others may have read it before."""
    place = table + slot * PTE_BYTES
    return next(
        (
            position
            for position, address, _size, writes in done.accesses
            if address == place and not writes and done.pcs[position] == head
        ),
        None,
    )


def _behind_branch(done: EmulatedCall, position: int, is_branch: Callable[[int], bool]) -> int:
    for place in range(position, min(position + _LONGEST, len(done.pcs))):
        if is_branch(done.pcs[place]):
            return place + 1
    raise refuse("record", "no branch follows the read of an entry")


def whole_table(
    done: EmulatedCall, locks: Sequence[int], functions: Mapping[int, str]
) -> CutWindow:
    """Cut a whole table: from just behind its locks to where they are dropped."""
    writes = [
        (position, address)
        for position, address, _size, is_write in done.accesses
        if is_write and any(lock <= address < lock + 4 for lock in locks)
    ]
    if len(writes) < 2 * len(set(locks)):
        raise NoLocksError.of("record", "the tables' locks are not taken and dropped once each")
    taken = writes[len(set(locks)) - 1][0]
    dropped = next(position for position, _ in writes if position > taken)
    function = functions[done.pcs[dropped]]
    end = dropped
    while functions[done.pcs[end - 1]] == function:
        end -= 1
    if functions[done.pcs[taken]] == function:  # the loop takes and drops them itself
        end = dropped
    return CutWindow(taken + 1, end, 0, TABLE_PTES)
