"""Where a window begins and ends in what was executed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from costmodel.config.errors import ConfigError
from costmodel.emulation.emulator import EmulatedCall
from costmodel.emulation.scenes import STEADY
from costmodel.mm.pte import PTE_BYTES, TABLE_PTES

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


@dataclass(frozen=True)
class SteadyRun:
    """A call over a table of folios of one order, out of whose middle a window is cut.

    ``table``: address of the table that it reads.
    """

    done: EmulatedCall
    table: int


class SteadyCut:
    """Cuts 64 entries out of the middle of calls, all at one instruction.

    The instruction is the first, from the loop's read of an entry on, that follows a branch, that
    every call comes by, and that is executed for every entry of order 0. There iterations begin: in
    fork behind the test for an empty entry, in an unmap with the read. Where an unrolled loop has
    no such instruction, it is the first that every call comes by.
    """

    def __init__(self, runs: Sequence[SteadyRun], is_branch: Callable[[int], bool]) -> None:
        """Find the instruction in ``runs``, the one over folios of order 0 first.

        Raises ConfigError where there is none.
        """
        self._is_branch = is_branch
        self._readers = frozenset(_first_reads(runs[0]).values())
        entered = [self._behind_branches(run, slot) for run in runs for slot in STEADY]
        heads = [pc for pc in entered[0] if all(pc in places for places in entered)]
        if not heads:
            reason = "the loop is at other places after 64 entries or for folios of other orders"
            raise ConfigError.of("record", reason)
        first, end = (self._read_at(runs[0], slot) for slot in STEADY)
        executed = Counter(runs[0].done.pcs[first:end])
        every = (pc for pc in heads if executed[pc] >= STEADY[1] - STEADY[0])
        self._head = next(every, heads[0])

    def window(self, run: SteadyRun) -> CutWindow:
        """Return the window of a call; ConfigError if the loop is not at its start again."""
        places = [self._behind_branches(run, slot) for slot in STEADY]
        if not all(self._head in found for found in places):
            raise ConfigError.of("record", "the loop is not at the same place after 64 entries")
        first, end = (found[self._head] for found in places)
        return CutWindow(first, end, STEADY[0], STEADY[1] - STEADY[0])

    def _behind_branches(self, run: SteadyRun, slot: int) -> dict[int, int]:
        """Return the instructions behind branches, from the read of an entry on.

        By address, in order; the value is where each is first come by.
        """
        pcs, start = run.done.pcs, self._read_at(run, slot)
        found: dict[int, int] = {}
        for place in range(start, min(start + _LONGEST, len(pcs))):
            if self._is_branch(pcs[place - 1]):
                found.setdefault(pcs[place], place)
        return found

    def _read_at(self, run: SteadyRun, slot: int) -> int:
        """Return where the loop first reads an entry: a batch before may have looked at it."""
        place, pcs = run.table + slot * PTE_BYTES, run.done.pcs
        reads = [
            position
            for position, address, _size, writes in run.done.accesses
            if address == place and not writes
        ]
        if not reads:
            raise ConfigError.of("record", "the table is not read: nothing was done")
        return next((read for read in reads if pcs[read] in self._readers), reads[0])


def _first_reads(run: SteadyRun) -> dict[int, int]:
    """Return which instruction first reads each entry of the window, by the entry's address."""
    start, end = (run.table + slot * PTE_BYTES for slot in STEADY)
    found: dict[int, int] = {}
    for position, address, _size, writes in run.done.accesses:
        if not writes and start <= address < end:
            found.setdefault(address, run.done.pcs[position])
    return found


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
