"""What is not known about a machine: its numbers, and how they vary together."""

from __future__ import annotations

import numpy as np
import pytest

from costmodel.config.machine import Machine, load_machine
from costmodel.uncertainty.spread import spread_of

ALTRA = load_machine("ampere-altra")


def within(machine: Machine, share: float) -> Machine:
    """Return a machine with tight bounds around its fixed time of fork, as a user may set them."""
    fixed = machine.kernel.fork_fixed_us
    bounds = {"low": fixed.value * (1 - share), "high": fixed.value * (1 + share)}
    kernel = machine.kernel.model_copy(update={"fork_fixed_us": fixed.model_copy(update=bounds)})
    return machine.model_copy(update={"kernel": kernel})


@pytest.mark.parametrize("share", [0.001, 0.01, 0.1])
def test_bounds_that_were_narrowed_beside_a_fit_hold(share: float) -> None:
    fitted, narrowed = spread_of(ALTRA), spread_of(within(ALTRA, share))
    at = [prior.key for prior in fitted.priors].index("kernel.fork_fixed_us")
    assert narrowed.priors[at].sigma < fitted.priors[at].sigma
    assert narrowed.covariance[at, at] == pytest.approx(1.0)
    others = np.arange(len(fitted.priors)) != at
    np.testing.assert_allclose(
        narrowed.covariance[np.ix_(others, others)], fitted.covariance[np.ix_(others, others)]
    )
