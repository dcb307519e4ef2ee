"""A number as it was measured, and where readings look up what was run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from costmodel.measure.experiment import Estimate, Results, Series
from costmodel.measure.suite import Plan

SHIFTED = 2.0
"""Cycles by which a mispredicted branch resolves earlier or later than the model has it."""


@dataclass(frozen=True)
class Number:
    """A number of a machine file as it was measured; choices have no interval."""

    key: str
    value: float | bool
    low: float
    high: float
    how: str
    """From what, for the file's ``source``."""

    @classmethod
    def choice(cls, key: str, value: bool, how: str) -> Number:
        """Return a property that is yes or no."""
        return cls(key, value, value, value, how)

    @classmethod
    def of(cls, key: str, estimate: Estimate, how: str) -> Number:
        """Return a time."""
        return cls(key, estimate.value, estimate.low, estimate.high, how)

    @classmethod
    def rate(cls, key: str, estimate: Estimate, how: str) -> Number:
        """Return how many a cycle, from the cycles of one."""
        return cls(key, 1 / estimate.value, 1 / estimate.high, 1 / estimate.low, how)


class DisturbedError(Exception):
    """An experiment gave no samples, because every one was interrupted; its text is the name."""


@dataclass(frozen=True)
class Taken:
    """What was run, by name."""

    results: Results
    plan: Plan

    def has(self, *names: str) -> bool:
        """Tell whether all of these experiments gave samples."""
        return all(name in self.results and self.results[name].cycles for name in names)

    def cycles(self, name: str) -> Estimate:
        """Return an experiment in cycles; raise DisturbedError if it gave no samples."""
        return self._series(name).estimate("cycles")

    def ns(self, name: str) -> Estimate:
        """Return an experiment in nanoseconds; raise DisturbedError if it gave no samples."""
        return self._series(name).estimate("ns")

    def usual_ns(self, name: str) -> float:
        """Return the nanoseconds of an experiment's usual round, or raise DisturbedError."""
        return self._series(name).usual_ns()

    def mispredict_cycles(self) -> Estimate:
        """Return what a mispredicted branch costs; raise DisturbedError without samples."""
        # Half of the random branches are mispredicted; one cycle is the shift before each.
        return self.cycles("mispredict").scaled(2, 2 * self.cycles("predicted").value + 1)

    def _series(self, name: str) -> Series:
        if not self.has(name):
            raise DisturbedError(name)
        return self.results[name]


def knee(
    times: Mapping[int, float], fast: float, slow: float, share: float = 0.5
) -> tuple[int, int]:
    """Return the last size before the first that is slow, and that first.

    A size is slow that takes ``share`` of the way from the fast level to the slow one.
    """
    border = fast + share * (slow - fast)
    sizes = sorted(times)
    slower = [number for number, size in enumerate(sizes) if times[size] >= border]
    first = slower[0] if slower else len(sizes) - 1
    return sizes[max(first - 1, 0)], sizes[first]
