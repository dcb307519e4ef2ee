"""An experiment is a small loop of assembly (a kernel) with the memory that it runs on; its times
become an estimate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from costmodel.measure.regions import Pages
from costmodel.units import KIB, LINE_BYTES


@dataclass(frozen=True)
class Experiment:
    """A kernel and the memory that it runs on, as the measuring process is asked to run it."""

    name: str
    """The key of its results."""
    text: str
    """The assembly."""
    units: float = 1
    """How many of the timed things (loads, instructions, ...) one round of the kernel does; results
    are per thing."""
    region_bytes: int = 16 * KIB
    pages: Pages = "huge"
    ring_step: int = 0
    """Distance of the pointers of a ring, in bytes; 0: the region holds zeros instead of a ring."""
    mask: int = 0
    """Word 1 of the state: what positions in the region are masked with."""
    choice: int = 0
    """Word 2 of the state."""
    sample_ns: float = 30_000
    warm_bytes: int = 0
    """How much of the region is touched before the first sample; 0: all of it."""

    def request(self, samples: int) -> dict[str, Any]:
        """Return it as the measuring process reads it."""
        return {
            "task": "sample",
            "name": self.name,
            "text": self.text,
            "region": [self.region_bytes, self.pages, self.ring_step],
            "state": [0, self.mask, self.choice],
            "samples": samples,
            "sample_ns": self.sample_ns,
            "warm_rounds": self._warm_rounds(),
        }

    def _warm_rounds(self) -> int:
        """Return the rounds that touch the memory once."""
        step = self.ring_step or LINE_BYTES
        return int((self.warm_bytes or self.region_bytes) / step / self.units) + 1


@dataclass
class Series:
    """The samples of an experiment, one list per round of the session; times are per thing."""

    cycles: list[list[float]] = field(default_factory=list)
    ns: list[list[float]] = field(default_factory=list)
    cpus: list[int] = field(default_factory=list)
    """The CPU of each round."""
    lost: bool = False
    """Whether it made the measuring process end; then it is not tried again."""
    unsteady: int = 0
    """How many samples were left out, because the clock changed or something interrupted them."""

    def add(self, cycles: Sequence[float], ns: Sequence[float], unsteady: int, *, cpu: int) -> None:
        """Add the samples of a round; an empty round adds nothing."""
        self.unsteady += unsteady
        if cycles:
            self.cycles.append(list(cycles))
            self.ns.append(list(ns))
            self.cpus.append(cpu)

    def estimate(self, unit: str) -> Estimate:
        """Return what the samples say, in ``cycles`` or ``ns``."""
        rounds = self.cycles if unit == "cycles" else self.ns
        return Estimate.of(rounds)

    def usual_ns(self) -> float:
        """Return the nanoseconds of the round in the middle, by what its quiet moments gave.

        This is for times that the frames of memory decide, which are others in each round.
        """
        return median(Estimate.of([one]).value for one in self.ns)

    def cycles_by_cpu(self) -> dict[int, float]:
        """Return the cycles of each CPU that was visited twice, as :class:`Estimate` has them."""
        of_cpu: dict[int, list[list[float]]] = {}
        for cpu, one in zip(self.cpus, self.cycles, strict=True):
            of_cpu.setdefault(cpu, []).append(one)
        return {cpu: Estimate.of(rounds).value for cpu, rounds in of_cpu.items() if len(rounds) > 1}


@dataclass(frozen=True)
class Estimate:
    """A time per thing; ``low`` and ``high`` are the least and the median of all samples."""

    value: float
    """The lower quartile of each round, of the round in which it is least. Often one whole round is
    undisturbed, and a quartile is not lowered by the noise of the clock, as the least sample is."""
    low: float
    high: float
    samples: int

    @classmethod
    def of(cls, rounds: Sequence[Sequence[float]]) -> Estimate:
        """Return the estimate of samples by round; there must be at least one."""
        every = sorted(value for one in rounds for value in one)
        value = min(sorted(one)[len(one) // 4] for one in rounds)
        return cls(value, min(every[0], value), max(median(every), value), len(every))

    @property
    def spread(self) -> float:
        """Median over value: above 1.3 the machine was busy."""
        return self.high / self.value if self.value > 0 else 1.0

    def scaled(self, factor: float, less: float = 0.0) -> Estimate:
        """Return the estimate times ``factor``, minus the constant ``less``."""
        value, low, high = (each * factor - less for each in (self.value, self.low, self.high))
        return Estimate(value, low, high, self.samples)

    def not_negative(self) -> Estimate:
        """Return it with what is below zero as zero, as differences of two times may be."""
        value, low, high = (max(0.0, each) for each in (self.value, self.low, self.high))
        return Estimate(value, low, high, self.samples)

    def doubted(self) -> Estimate:
        """Return it with ``low`` divided by the spread.

        This is for times that others on the machine disturb all the time, such as those of a shared
        cache: no sample of them is undisturbed.
        """
        return Estimate(self.value, self.low / self.spread, self.high, self.samples)

    def document(self) -> dict[str, float]:
        """Return it for JSON."""
        rounded = {name: round(getattr(self, name), 4) for name in ("value", "low", "high")}
        return {**rounded, "samples": self.samples}


Results = Mapping[str, Series]
