"""Leaves out what a table's loop executes again and again: a few turns tell what all of them cost.

A loop over hundreds of entries becomes a loop over the first dozens: the steps of some turns are
taken out, and what comes behind moves up to where they were. One of the turns that are left stands
for those taken out. That is no approximation: turns are alike but for the places they touch, which
move on evenly, and :func:`moves_evenly` makes sure that no two turns meet in any other way than
those that are kept. A trace for which that cannot be shown stays as long as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from costmodel.code.record import Record
from costmodel.code.sequences import loops, numbered
from costmodel.code.trace import EVEN_BYTES, LINE_BYTES, VMEMMAP_BYTES, Repeat, Trace
from costmodel.code.uops import Kind, Target

Ints = NDArray[np.int64]

BEFORE: Final = 2
"""Turns that are kept before the one that stands for many: what the first ones find is older."""
AFTER: Final = 1
"""Turns that are kept behind it."""
MIN_ROWS: Final = 1024
"""Of a turn: more than a window holds, so that none reaches over a whole turn."""
_EVEN_ENTRIES: Final = EVEN_BYTES // 8
_BLOCK_BYTES: Final = {Target.SRC: 4096, Target.DST: 4096, Target.PAGE: VMEMMAP_BYTES}
"""What moves, and the smallest block of a TLB that holds it: of a page table the page itself."""
_MAY_MOVE: Final = np.isin(np.arange(len(Target)), list(_BLOCK_BYTES))


@dataclass(frozen=True)
class Turns:
    """A loop among the steps of a table, and which of them stand for it."""

    first: int
    """First step of the loop."""
    steps: int
    """Steps of one turn."""
    count: int
    """Turns of the loop, as the strategy executes them."""

    def kept(self, record: Record) -> Record:
        """Return the record with the turns that stay; what comes behind has moved up."""
        contexts = record.contexts
        gap = slice(
            self.first + (BEFORE + 1) * self.steps, self.first + (self.count - AFTER) * self.steps
        )
        stays = np.ones(len(contexts), np.bool_)
        stays[gap] = False
        moved = contexts.copy()
        moved[gap.stop :] -= self._out * (contexts[self.first + self.steps] - contexts[self.first])
        return replace(record, contexts=moved).chosen(stays)

    def repeat(self, step_start: NDArray[np.int32]) -> Repeat:
        """Return the rows that stand for the turns taken out."""
        first = self.first + BEFORE * self.steps
        begin, end = int(step_start[first]), int(step_start[first + self.steps])
        return Repeat(begin, end - begin, 1 + self._out, BEFORE)

    @property
    def _out(self) -> int:
        return self.count - BEFORE - 1 - AFTER


def turns_of(record: Record, lengths: Ints) -> Turns | None:
    """Find the loop that makes up most of a table; None where none does, or not for long.

    ``lengths`` are the rows of each step, int64[m]. A record with micro-ops written by hand stays
    whole: they name rows.
    """
    paths, contexts = record.paths, record.contexts
    if len(paths) == 0 or record.uops:
        return None
    found = loops(_kinds_of_steps(record))
    if not len(found):
        return None
    first, period, groups = (int(number) for number in found[np.argmax(found[:, 1] * found[:, 2])])
    if 2 * period * groups < len(paths):
        return None
    shift = contexts[first + period] - contexts[first]
    rows = int(lengths[first : first + period].sum())
    each = int(np.lcm.reduce(_EVEN_ENTRIES // np.gcd(shift, _EVEN_ENTRIES)))
    each *= -(-MIN_ROWS // max(rows * each, 1))
    turns = Turns(first, period * each, groups // each)
    behind = contexts[first + period * groups :]
    last = contexts[first + period * (groups - 1) : first + period * groups]
    near = (behind >= last.min(axis=0)) | (shift == 0)
    return turns if turns.count > BEFORE + 1 + AFTER and bool(near.all()) else None


def _kinds_of_steps(record: Record) -> Ints:
    """Number steps: equal ones take the same path, equally far on from the step before."""
    steps = np.diff(record.contexts, axis=0, prepend=record.contexts[:1]).T
    numbers = np.zeros(len(record.paths), np.int64)
    for column in (record.paths, record.masks, *steps):
        numbers = numbered(numbers * len(numbers) + numbered(column)[0])[0]
    return numbers


def shortened(trace: Trace, turns: Turns) -> Trace | None:
    """Return a trace of the steps kept with its repeat, None where it does not move evenly."""
    repeat = turns.repeat(trace.step_start)
    return replace(trace, repeat=repeat) if repeat.rows and moves_evenly(trace, repeat) else None


def moves_evenly(trace: Trace, repeat: Repeat) -> bool:
    """Tell whether the turns meet each other only as those in the trace do.

    All of a turn's places in tables and struct pages move on by the same distance, others stay. A
    turn reaches less far than the turns kept before it, and neither what stays nor what the steps
    outside the loop touch lies in the loop's way. All of that lies in one block of a TLB.
    """
    before, group, after = (
        trace.address[repeat.first + turn * repeat.rows :][: repeat.rows] for turn in (-1, 0, 1)
    )
    shift = group - before
    if not np.array_equal(shift, after - group) or np.any(shift % EVEN_BYTES):
        return False
    target = trace.target[repeat.first : repeat.end]
    if np.any(shift[~_MAY_MOVE[target]]):
        return False
    return all(
        _moves_alone(trace, repeat, of, shift[target == of], group[target == of])
        for of in _BLOCK_BYTES
    )


def _moves_alone(trace: Trace, repeat: Repeat, target: Target, shift: Ints, group: Ints) -> bool:
    """Check one target; ``shift`` and ``group`` (addresses) are of its rows in the group."""
    # Clearing a whole new table comes before everything, whichever entry is next.
    rows = np.flatnonzero((trace.target == target) & (trace.kind != Kind.ZERO))
    loop = repeat.first - repeat.before * repeat.rows
    cuts = np.searchsorted(rows, [loop, repeat.first, repeat.end])
    ahead, before, here, behind = np.split(trace.address[rows], cuts)
    older = np.concatenate([ahead, before])
    if not _meet_in(group, older, behind):
        return False
    moving = shift != 0
    if not moving.any():
        return True
    step = int(shift[moving].min())
    if step <= 0 or step != shift[moving].max():
        return False
    low, high = int(group[moving].min()), int(group[moving].max())
    if (high - low + EVEN_BYTES - 1) // step > repeat.before:
        return False
    every = np.concatenate([before, here, behind])
    last = int(every.max()) + step * repeat.further
    if int(every.min()) // _BLOCK_BYTES[target] != last // _BLOCK_BYTES[target]:
        return False
    way = (low - step, high + step * (repeat.times + AFTER) + LINE_BYTES)
    others = np.concatenate([ahead, group[~moving]])
    return not np.any((others >= way[0]) & (others < way[1]))


def _meet_in(group: Ints, older: Ints, younger: Ints) -> bool:
    """Tell whether what lies before and behind the group meets in lines of the group alone."""
    for line_bytes in (LINE_BYTES, EVEN_BYTES):
        met = np.intersect1d(older // line_bytes, younger // line_bytes)
        if not np.isin(met, group // line_bytes).all():
            return False
    return True
