"""The rows of a program that stand for many executions: proven alike, then put in as a loop."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from costmodel.code.trace import Repeat
from costmodel.cpu import columns as c
from costmodel.cpu.repeats import UnsteadyError
from costmodel.cpu.reuse import Ints

Later = tuple[Ints, NDArray[np.int32]]
"""Rows whose class changes, int64[g], and their classes, int32[further executions, g]."""


@dataclass(frozen=True)
class Group:
    """The repeat of a trace in rows of its program, with the execution behind it.

    That is what it is compared with, and part of the same loop.
    """

    first: int
    rows: int
    """Of one execution."""
    times: int

    @staticmethod
    def of(repeat: Repeat, number: Ints) -> Group:
        """Find it; ``number`` are the rows of all micro-ops."""
        first = int(number[repeat.first])
        return Group(first, int(number[repeat.end]) - first, repeat.times)

    @property
    def end(self) -> int:
        """Row behind the last of the execution behind."""
        return self.first + 2 * self.rows

    def cut(self, names: tuple[str, ...], ends: Ints) -> tuple[tuple[str, ...], Ints]:
        """Return segments that begin and end where the loop does."""
        cuts = np.unique(np.concatenate([ends, [self.first, self.end]]))
        return tuple(names[i] for i in np.searchsorted(ends, cuts)), cuts

    def repeated(self, code: c.Code, parts: Ints, later: Later | None) -> tuple[c.Code, Ints]:
        """Return the parts with all executions of the group, and the code that they are in.

        Raises UnsteadyError where the executions are not alike but for the classes in ``later``.
        """
        group, behind = executions = np.split(code[self.first : self.end].copy(), 2)
        changing = np.zeros(0, np.int64)
        kinds: list[NDArray[np.int16]] = []
        if later is not None:
            changing = later[0] - self.first
            kinds = [each[changing, c.CLASS] for each in executions]
            kinds[1:1] = list(later[1].astype(np.int16))
            for each in executions:
                each[changing, c.CLASS] = 0
        if not np.array_equal(group, behind):
            raise UnsteadyError
        segment = int(parts[parts[:, 0] == self.first][0, 3])
        blocks, loop = [code], []
        for alike, times in _runs(kinds) if kinds else [(None, self.times + 1)]:
            turn = group.copy()
            if alike is not None:
                turn[changing, c.CLASS] = alike
            body = _smallest(turn)
            loop.append((sum(map(len, blocks)), len(body), times * len(turn) // len(body), segment))
            blocks.append(body)
        old, young = parts[parts[:, 0] < self.first], parts[parts[:, 0] >= self.end]
        return np.concatenate(blocks), np.concatenate([old, np.array(loop, np.int64), young])


def _runs(kinds: list[NDArray[np.int16]]) -> list[tuple[NDArray[np.int16] | None, int]]:
    """Return how often the same classes follow each other."""
    runs = [(key, len(list(same))) for key, same in groupby(each.tobytes() for each in kinds)]
    return [(np.frombuffer(key, np.int16), times) for key, times in runs]


def _smallest(turn: c.Code) -> c.Code:
    """Return half of it, or half of that, as long as the halves are equal."""
    half = len(turn) // 2
    while len(turn) == 2 * half and np.array_equal(turn[:half], turn[half:]):
        turn, half = turn[:half], half // 2
    return turn
