"""Noise of measurements, by cause: each cause has a size and a stream of random numbers."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, partial
from typing import TYPE_CHECKING, Final

import numpy as np

from costmodel.arrays import Floats, Ints
from costmodel.disk_cache import ByteCache
from costmodel.units import PS_PER_S, PS_PER_US

if TYPE_CHECKING:
    from costmodel.config.machine import Machine


_KEPT_BYTES: Final = 4 << 20
"""How much drawn noise is remembered: that of 200 scenarios of 8 runs of 100 iterations."""


class NoiseCause(StrEnum):
    """Why two measurements of the same kernel differ. Each cause can be switched off by itself.

    Another build (another compiler or code layout) is none of them: all samples of a cell come from
    one build, so differences between builds do not belong in its standard deviation.
    """

    RUN = "run"  # physical layout of pages and struct pages: drawn once per run
    ITERATION = "iteration"  # what differs from one fork to the next
    TICK = "tick"  # the timer interrupt takes the CPU
    STEAL = "steal"  # the hypervisor takes the CPU


ALL_CAUSES = frozenset(NoiseCause)


@dataclass(frozen=True)
class NoiseSizes:
    """How large each cause of noise is on one machine for one folio layout.

    ``run_sigma`` and ``iteration_sigma`` are standard deviations of the logarithm of a factor whose
    mean is 1. ``tick_ps`` is the time of one tick's handler, ``tick_jitter_ps`` its standard
    deviation. The hypervisor takes the CPU ``steal_per_s`` times per second of work, for
    ``steal_mean_ps`` on average. Times are in picoseconds; ``tick_period_ps`` 0 and ``steal_per_s``
    0 mean never. Raises ValueError for a handler that is as long as the tick period or longer.
    """

    run_sigma: float = 0.0
    iteration_sigma: float = 0.0
    tick_period_ps: int = 0
    tick_ps: int = 0
    tick_jitter_ps: int = 0
    steal_per_s: float = 0.0
    steal_mean_ps: float = 0.0

    def __post_init__(self) -> None:
        """Raise ValueError for a timer whose handler never lets the operation run."""
        if self.tick_period_ps and self.tick_ps >= self.tick_period_ps:
            raise ValueError(
                f"'tick_ps' must be shorter than the tick period "
                f"(got {self.tick_ps} of {self.tick_period_ps})"
            )

    def only(self, causes: Iterable[NoiseCause]) -> NoiseSizes:
        """Return the sizes with every cause that is not in ``causes`` switched off."""
        on = frozenset(causes)
        tick, steal = NoiseCause.TICK in on, NoiseCause.STEAL in on
        return NoiseSizes(
            run_sigma=self.run_sigma if NoiseCause.RUN in on else 0.0,
            iteration_sigma=self.iteration_sigma if NoiseCause.ITERATION in on else 0.0,
            tick_period_ps=self.tick_period_ps if tick else 0,
            tick_ps=self.tick_ps if tick else 0,
            tick_jitter_ps=self.tick_jitter_ps if tick else 0,
            steal_per_s=self.steal_per_s if steal else 0.0,
            steal_mean_ps=self.steal_mean_ps if steal else 0.0,
        )

    @classmethod
    def of(cls, machine: Machine, folio_orders: Mapping[int, float]) -> NoiseSizes:
        """Return the sizes that a machine file gives for one folio layout.

        ``folio_orders`` maps each order to its share of the memory. In the published rows,
        separately allocated pages carry the deviation between runs (Altra: 0.7 to 1.2 % for
        order 0, 0.1 % for order 9). So the machine file has two deviations, which are mixed by the
        share of PTEs that start a folio. Where frames lie changes the exact time, not the noise.
        """
        noise, kernel = machine.noise, machine.kernel
        return cls(
            run_sigma=_mix(
                scattered=noise.run_scattered_pct.value / 100,
                contiguous=noise.run_contiguous_pct.value / 100,
                share=scattered_share(folio_orders),
            ),
            iteration_sigma=noise.iteration_pct.value / 100,
            tick_period_ps=round(PS_PER_S / kernel.tick_hz.value) if kernel.tick_hz.value else 0,
            tick_ps=round(kernel.tick_us.value * PS_PER_US),
            tick_jitter_ps=round(noise.tick_jitter_us.value * PS_PER_US),
            steal_per_s=float(noise.vm_steal.rate_hz.value),
            steal_mean_ps=noise.vm_steal.mean_us.value * PS_PER_US,
        )


def scattered_share(folio_orders: Mapping[int, float]) -> float:
    """Return the share of PTEs that start a folio: 1 for order 0, 1/512 for order 9."""
    return sum(share / (1 << order) for order, share in folio_orders.items())


def _mix(*, scattered: float, contiguous: float, share: float) -> float:
    # Independent contributions add as variances.
    return math.sqrt(share * scattered**2 + (1 - share) * contiguous**2)


@dataclass(frozen=True)
class Stream:
    """Names the random numbers of one cell: by seed, machine and scenario, never by strategy.

    So all strategies of a scenario meet the same noise, in whichever process and order they are
    computed. ``scenario`` is the name that ``costmodel.config.workload.noise_scenario`` makes.
    """

    seed: int
    machine: str
    scenario: str

    def generator(self, *, run: int, cause: NoiseCause, cpu: int = 0) -> np.random.Generator:
        """Return the random generator of one run, cause and CPU (0 is the measured one)."""
        key = (stable_hash(self.machine), stable_hash(self.scenario), run, stable_hash(cause), cpu)
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))


@cache
def stable_hash(name: str) -> int:
    """Return the first 32 bits of the SHA-256 of ``name``.

    Unlike ``hash()`` it is the same in every process and Python version.
    """
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")


@dataclass(frozen=True)
class RunNoise:
    """The noise that the ``n`` iterations of one run meet, whatever the strategy.

    ``factor``, float64[n], multiplies the time that depends on the physical layout.
    ``tick_phase_ps``, int64[n], is when the first tick falls after the start of each iteration, and
    ``tick_ps``, int64[n], how long the handler of each tick in that iteration takes. Steals follow
    from :meth:`steals`, which makes a new generator by ``steal_draws`` each time; None means never.
    """

    factor: Floats
    tick_period_ps: int
    tick_phase_ps: Ints
    tick_ps: Ints
    steal_gap_ps: float
    steal_mean_ps: float
    steal_draws: Callable[[], np.random.Generator] | None

    def steals(self, work_ps: Ints) -> tuple[Ints, Ints]:
        """Return when the CPU is taken from each iteration, and for how long: two int64[n, k].

        ``work_ps``, int64[n], is the work of each iteration. Moments are given in picoseconds of
        work done, so steals cannot overlap; one at or beyond the iteration's work does not happen,
        and its duration is 0. The numbers are drawn column by column, so a shorter operation meets
        the first steals of a longer one.
        """
        rows = len(work_ps)
        when: list[Ints] = []
        length: list[Ints] = []
        now = np.zeros(rows, dtype=np.int64)
        generator = None if self.steal_draws is None else self.steal_draws()
        while generator is not None:
            gap = generator.exponential(self.steal_gap_ps, rows)
            took = generator.exponential(self.steal_mean_ps, rows)
            # Beyond any operation (1e17 ps is a day) nothing matters; int64 must not overflow.
            now = now + np.rint(np.minimum(gap, 1e17)).astype(np.int64) + 1
            happens = now < work_ps
            if not happens.any():
                break
            when.append(now)
            length.append(np.where(happens, np.rint(took).astype(np.int64), 0))
        if not when:
            return np.zeros((rows, 0), np.int64), np.zeros((rows, 0), np.int64)
        return np.stack(when, axis=1), np.stack(length, axis=1)


def draw_noise(
    sizes: NoiseSizes, stream: Stream, *, run: int, iterations: int, cpu: int = 0
) -> RunNoise:
    """Return the noise of one run of ``iterations`` iterations on one CPU.

    It is remembered, because all strategies of a scenario meet it.
    """
    make = partial(_draw, sizes, stream, run=run, iterations=iterations, cpu=cpu)
    return _drawn.get((sizes, stream, run, iterations, cpu), make)


def _draw(sizes: NoiseSizes, stream: Stream, *, run: int, iterations: int, cpu: int) -> RunNoise:
    def normal(cause: NoiseCause, size: int) -> Floats:
        return stream.generator(run=run, cause=cause, cpu=cpu).standard_normal(size)

    factor = np.ones(iterations)
    if sizes.run_sigma:
        factor = factor * _lognormal(normal(NoiseCause.RUN, 1), sizes.run_sigma)
    if sizes.iteration_sigma:
        factor = factor * _lognormal(
            normal(NoiseCause.ITERATION, iterations), sizes.iteration_sigma
        )
    phase, handler = _ticks(sizes, stream, run=run, iterations=iterations, cpu=cpu)
    stolen = sizes.steal_per_s > 0 and sizes.steal_mean_ps > 0
    return RunNoise(
        factor=factor,
        tick_period_ps=sizes.tick_period_ps,
        tick_phase_ps=phase,
        tick_ps=handler,
        steal_gap_ps=PS_PER_S / sizes.steal_per_s if stolen else math.inf,
        steal_mean_ps=sizes.steal_mean_ps,
        steal_draws=partial(stream.generator, run=run, cause=NoiseCause.STEAL, cpu=cpu)
        if stolen
        else None,
    )


_drawn: Final = ByteCache(_KEPT_BYTES)


def _lognormal(normal: Floats, sigma: float) -> Floats:
    """Return factors with mean 1 and standard deviation ``sigma`` of their logarithm."""
    return np.exp(sigma * normal - sigma * sigma / 2)


def _ticks(
    sizes: NoiseSizes, stream: Stream, *, run: int, iterations: int, cpu: int
) -> tuple[Ints, Ints]:
    if not sizes.tick_period_ps:
        return np.zeros(iterations, np.int64), np.zeros(iterations, np.int64)
    generator = stream.generator(run=run, cause=NoiseCause.TICK, cpu=cpu)
    phase = generator.integers(0, sizes.tick_period_ps, iterations)
    handler = sizes.tick_ps + sizes.tick_jitter_ps * generator.standard_normal(iterations)
    longest = sizes.tick_period_ps - 1
    return phase, np.clip(np.rint(handler), 0, longest).astype(np.int64)
