"""How uncertain a prediction is, given what is not known about the machine.

The joint uncertainty of a machine's numbers: :mod:`costmodel.uncertainty.sampling` draws machines
from it for the intervals of answers. Which numbers an answer hangs on follows from how its
logarithm grows with each of them. What neither can see is a mechanism that the core lacks;
``costmodel validate`` shows how often published numbers lie inside.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from costmodel.config.machine import Machine
from costmodel.identity import ByIdentity
from costmodel.uncertainty.priors import Prior, priors, shared_priors, variants

Floats = NDArray[np.float64]
Interval = tuple[float, float]
"""Lower and upper end."""

Z90 = 1.6448536269514722
"""Standard deviations on each side of a 90 % interval."""

DOMINANT = {
    "arm64": (
        "atomics.line_change_cycles",
        "atomics.in_flight",
        "atomics.store_only_cycles",
        "atomics.far_ns",
        "atomics.acquire_cycles",
        "caches.llc.latency_ns",
        "caches.prefetch.trains_after_lines",
        "tlbi.issue_ns",
        "tlbi.broadcast_ns",
        "core.width",
        "core.fetch_width",
        "core.taken_branches_per_cycle",
        "core.rob_entries",
        "core.store_queue_entries",
        "kernel.table_alloc_ns",
        "kernel.fork_fixed_us",
    ),
    "x86_64": (
        "atomics.locked_cycles",
        "core.clock_ghz",
        "core.retire_width",
        "core.taken_branches_per_cycle",
        "core.branch_ports",
        "core.store_forward_cycles",
        "caches.l1.latency_cycles",
        "caches.llc.latency_ns",
        "kernel.table_alloc_ns",
        "kernel.fork_fixed_us",
    ),
}
"""What matters on machines that nothing was fitted for: the rest is below a fifth of the variance
(a test holds that)."""


@dataclass(frozen=True)
class ModelInterval:
    """Where 90 % of measurements should lie, as far as the model knows what it does not know."""

    seconds: Interval
    change_pct: Interval


@dataclass(frozen=True)
class Spread:
    """Uncertain numbers of a machine: ``covariance`` float64[p, p] is in prior deviations."""

    priors: tuple[Prior, ...]
    covariance: Floats

    def log_deviation(self, slopes: Sequence[float]) -> float:
        """Return the standard deviation of the logarithm of a time, or of a ratio of times.

        ``slopes`` of a ratio are the differences of those of the times.
        """
        gradient = np.asarray(slopes, dtype=np.float64)
        # Without slopes (a result made by hand) nothing is known to matter.
        variance = float(gradient @ self.covariance @ gradient) if len(gradient) else 0.0
        return math.sqrt(max(0.0, variance))


def spread_of(machine: Machine, *, many_cpus: bool = False) -> Spread:
    """Return what is uncertain about a machine: as its fit says, else independent priors.

    ``many_cpus``: with what only several CPUs at work feel. Numbers that the user set for this run
    are certain.
    """
    lone = _lone_spread(machine)
    if not many_cpus:
        return lone
    shared, size = shared_priors(machine), len(lone.priors)
    covariance = np.eye(size + len(shared))
    covariance[:size, :size] = lone.covariance
    return Spread((*lone.priors, *shared), covariance)


def _lone_spread(machine: Machine) -> Spread:
    if machine.fit is None:
        chosen = priors(machine, DOMINANT[machine.isa])
        return Spread(chosen, np.eye(len(chosen)))
    known = machine.fit.uncertainty
    chosen = priors(machine, known.keys)
    at = [known.keys.index(prior.key) for prior in chosen]
    stdev = np.array([known.stdev[i] for i in at]) / np.array([p.sigma for p in chosen])
    return Spread(chosen, known.matrix()[np.ix_(at, at)] * np.outer(stdev, stdev))


def log_slopes(
    machine: Machine, seconds: float, time: Callable[[Machine], float], *, many_cpus: bool = False
) -> tuple[float, ...]:
    """Return how the logarithm of a time grows per prior deviation of each uncertain number.

    ``seconds`` is the time on the machine itself, ``time`` computes it on another one; it is
    called once per number of ``spread_of(machine, many_cpus=many_cpus)``.
    """
    return tuple(
        math.log(time(changed) / seconds) / by
        for changed, by in _variants(ByIdentity(machine), many_cpus)
    )


@lru_cache(maxsize=64)
def _variants(key: ByIdentity[Machine], many_cpus: bool) -> tuple[tuple[Machine, float], ...]:
    return tuple(variants(key.value, spread_of(key.value, many_cpus=many_cpus).priors))
