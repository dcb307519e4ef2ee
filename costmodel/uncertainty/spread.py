"""What of a machine is uncertain: numbers that a fit left correlated, and all others.

:mod:`costmodel.uncertainty.sampling` draws machines from it for the intervals of answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from costmodel.arrays import Floats
from costmodel.config.fit import ROUNDING
from costmodel.config.machine import Machine
from costmodel.uncertainty.priors import Prior, priors, shared_priors

Times = Callable[[Sequence[Machine]], Sequence[float]]
"""The time of something on each of some machines, in seconds."""
Interval = tuple[float, float]
"""Lower and upper end of an interval."""

Z90 = 1.6448536269514722
"""Standard deviations on each side of a 90 % interval."""


@dataclass(frozen=True)
class ModelInterval:
    """The 90 % intervals of a time in seconds, of the throughput of all CPUs per second, and of the
    changes of both against a baseline in percent.

    Measurements should lie inside. ``seconds_error_pct`` and ``change_error_pct`` say what part of
    it is for what predictions miss beyond numbers and builds, as half-widths in percent of the time
    and of the ratio of times: 0 for the change of the baseline itself.
    """

    seconds: Interval
    change_pct: Interval
    throughput_per_s: Interval
    throughput_change_pct: Interval
    seconds_error_pct: float
    change_error_pct: float


@dataclass(frozen=True)
class Spread:
    """Numbers of a machine that are uncertain together, and their covariance.

    ``covariance``, float64[p, p], is in units of the prior standard deviations: the identity where
    nothing was fitted.
    """

    priors: tuple[Prior, ...]
    covariance: Floats


def joint_spread(machine: Machine) -> Spread:
    """Return the numbers that a machine's fit found to depend on each other; none without a fit.

    Numbers that the user set for this run are left out. All others are independent.
    """
    if machine.fit is None:
        return Spread((), np.eye(0))
    known = machine.fit.uncertainty
    chosen = priors(machine, known.keys)
    at = [known.keys.index(prior.key) for prior in chosen]
    stdev = np.array([known.stdev[i] for i in at]) / np.array([p.sigma for p in chosen])
    # No row makes a number less certain than its bounds, which may be narrower since the fit.
    # Samples follow the largest variances: one too large would change what is drawn of all.
    stdev[stdev > 1 + ROUNDING] = 1.0
    return Spread(chosen, known.matrix()[np.ix_(at, at)] * np.outer(stdev, stdev))


def independent_priors(machine: Machine, *, many_cpus: bool = False) -> tuple[Prior, ...]:
    """Return the priors of all other uncertain numbers: each is independent of all.

    With ``many_cpus`` the prices that only several CPUs at work feel are among them.
    """
    shared = shared_priors(machine) if many_cpus else ()
    found = {prior.key: prior for prior in (*priors(machine), *shared)}
    for prior in joint_spread(machine).priors:
        found.pop(prior.key, None)
    return tuple(found.values())
