"""The joint uncertainty of a machine's numbers, and what it means for a prediction.

:mod:`costmodel.uncertainty.sampling` draws machines from it for the intervals of answers. Slopes
(how the logarithm of a time grows with each number) say which numbers an answer depends on. Neither
knows anything of a mechanism that the model lacks; ``costmodel validate`` shows how often published
measurements lie inside the intervals.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from costmodel.arrays import Floats
from costmodel.config.machine import ROUNDING, Machine
from costmodel.disk_cache import ByIdentity
from costmodel.operations.shared.process import LIFE_KEYS, VMA_KEYS
from costmodel.uncertainty.priors import OWN_FLUSHES, Prior, priors, shared_priors, variants

Times = Callable[[Sequence[Machine]], Sequence[float]]
"""The time of something on each of some machines, in seconds."""
Interval = tuple[float, float]
"""Lower and upper end of an interval."""

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
        "core.store_forward_cycles",
    ),
    "x86_64": (
        "atomics.locked_cycles",
        "core.clock_ghz",
        "core.retire_width",
        "core.store_leave_cycles",
        "core.taken_branches_per_cycle",
        "core.branch_ports",
        "core.store_forward_cycles",
        "caches.l1.latency_cycles",
        "caches.llc.latency_ns",
        "kernel.table_alloc_ns",
        "kernel.fork_fixed_us",
    ),
}
"""The uncertain numbers of a machine that was not fitted: all others together make less than a
fifth of the variance of an answer, which a test checks."""

AROUND = (
    "tlbi.asid_flush_ns",
    "kernel.table_alloc_ns",
    "kernel.table_free_ns",
    "kernel.fork_fixed_us",
    "kernel.unmap_call_ns",
    "kernel.unmap_range_pct",
    *OWN_FLUSHES,
    *VMA_KEYS,
    *LIFE_KEYS,
)
"""Prices of what lies around the loops over page tables. Whether they matter depends on the
question (a call per page, a process with many mappings), so that they are uncertain on every
machine, fitted or not. Fits are made to rows of other questions and say nothing of most of them."""


@dataclass(frozen=True)
class ModelInterval:
    """The 90 % intervals of a time in seconds, of the throughput of all CPUs per second, and of the
    changes of both against a baseline in percent.

    Measurements should lie inside; errors of the model's mechanisms are not part of them.
    """

    seconds: Interval
    change_pct: Interval
    throughput_per_s: Interval
    throughput_change_pct: Interval


@dataclass(frozen=True)
class Spread:
    """The uncertain numbers of a machine and their covariance.

    ``covariance``, float64[p, p], is in units of the prior standard deviations: the identity where
    nothing was fitted.
    """

    priors: tuple[Prior, ...]
    covariance: Floats

    def log_deviation(self, slopes: Sequence[float]) -> float:
        """Return the standard deviation of the logarithm of a time, or of a ratio of times.

        ``slopes`` holds one value for each of ``priors``, as :func:`log_slopes` returns them; for a
        ratio they are the differences of those of the two times. An empty sequence gives 0.
        """
        gradient = np.asarray(slopes, dtype=np.float64)
        # Without slopes (a result made by hand) nothing is known to matter.
        variance = float(gradient @ self.covariance @ gradient) if len(gradient) else 0.0
        return math.sqrt(max(0.0, variance))


def spread_of(machine: Machine, *, many_cpus: bool = False) -> Spread:
    """Return what is uncertain about a machine.

    A machine with a fit has the numbers and the covariance that the fit found; any other one has
    the independent priors of ``DOMINANT``. Those of ``AROUND`` are in it too, independent of all
    others unless the fit found how they depend. Numbers that the user set for this run are left
    out. With ``many_cpus`` the prices that only several CPUs at work feel are in it.
    """
    joint = joint_spread(machine, many_cpus=many_cpus)
    return _widened(joint, around_priors(machine, joint))


def joint_spread(machine: Machine, *, many_cpus: bool = False) -> Spread:
    """Return what is uncertain about a machine but for the priors of :func:`around_priors`."""
    core = _core_spread(machine)
    return _widened(core, shared_priors(machine)) if many_cpus else core


def around_priors(machine: Machine, joint: Spread) -> tuple[Prior, ...]:
    """Return the priors of ``AROUND`` that are not in ``joint``: each is independent of all."""
    known = {prior.key for prior in joint.priors}
    return priors(machine, (key for key in AROUND if key not in known))


def _widened(spread: Spread, others: tuple[Prior, ...]) -> Spread:
    """Return a spread with more numbers, which depend on none."""
    size = len(spread.priors)
    covariance = np.eye(size + len(others))
    covariance[:size, :size] = spread.covariance
    return Spread((*spread.priors, *others), covariance)


def _core_spread(machine: Machine) -> Spread:
    if machine.fit is None:
        chosen = priors(machine, DOMINANT[machine.isa])
        return Spread(chosen, np.eye(len(chosen)))
    known = machine.fit.uncertainty
    chosen = priors(machine, known.keys)
    at = [known.keys.index(prior.key) for prior in chosen]
    stdev = np.array([known.stdev[i] for i in at]) / np.array([p.sigma for p in chosen])
    # No row makes a number less certain than its bounds, which may be narrower since the fit.
    # Samples follow the largest variances: one too large would change what is drawn of all.
    stdev[stdev > 1 + ROUNDING] = 1.0
    return Spread(chosen, known.matrix()[np.ix_(at, at)] * np.outer(stdev, stdev))


def log_slopes(
    machine: Machine, seconds: float, times: Times, *, many_cpus: bool = False
) -> tuple[float, ...]:
    """Return how much the logarithm of a time grows per standard deviation of each number.

    The numbers are the priors of ``spread_of(machine, many_cpus=many_cpus)``, in their order.
    ``seconds`` is the time on the machine itself; ``times`` returns those on others, of which there
    is one per number.
    """
    changed = _variants(ByIdentity(machine), many_cpus)
    found = times([each for each, _ in changed])
    return tuple(
        math.log(each / seconds) / by for each, (_, by) in zip(found, changed, strict=True)
    )


@lru_cache(maxsize=64)
def _variants(key: ByIdentity[Machine], many_cpus: bool) -> tuple[tuple[Machine, float], ...]:
    return tuple(variants(key.value, spread_of(key.value, many_cpus=many_cpus).priors))
