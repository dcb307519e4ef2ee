"""What is not known about a machine: its numbers, and how they vary together."""

from __future__ import annotations

import numpy as np
import pytest

from costmodel.config.machine import Machine, load_machine
from costmodel.config.resources import names
from costmodel.uncertainty.priors import priors
from costmodel.uncertainty.spread import independent_priors, joint_spread

ALTRA = load_machine("ampere-altra")


def within(machine: Machine, share: float) -> Machine:
    """Return a machine with tight bounds around its fixed time of fork, as a user may set them."""
    fixed = machine.kernel.fork_fixed_us
    bounds = {"low": fixed.value * (1 - share), "high": fixed.value * (1 + share)}
    kernel = machine.kernel.model_copy(update={"fork_fixed_us": fixed.model_copy(update=bounds)})
    return machine.model_copy(update={"kernel": kernel})


@pytest.mark.parametrize("share", [0.001, 0.01, 0.1])
def test_bounds_that_were_narrowed_beside_a_fit_hold(share: float) -> None:
    fitted, narrowed = joint_spread(ALTRA), joint_spread(within(ALTRA, share))
    at = [prior.key for prior in fitted.priors].index("kernel.fork_fixed_us")
    assert narrowed.priors[at].sigma < fitted.priors[at].sigma
    assert narrowed.covariance[at, at] == pytest.approx(1.0)
    others = np.arange(len(fitted.priors)) != at
    np.testing.assert_allclose(
        narrowed.covariance[np.ix_(others, others)], fitted.covariance[np.ix_(others, others)]
    )


@pytest.mark.parametrize("name", names("machines"))
def test_every_uncertain_number_is_there_once(name: str) -> None:
    machine = load_machine(name)
    found = [*joint_spread(machine).priors, *independent_priors(machine)]
    assert sorted(p.key for p in found) == sorted(p.key for p in priors(machine))


def test_without_a_fit_all_numbers_are_independent() -> None:
    assert joint_spread(load_machine("graviton3")).priors == ()


def test_a_number_set_by_the_user_is_certain() -> None:
    key = joint_spread(ALTRA).priors[0].key
    changed = ALTRA.with_value(key, ALTRA.parameters[key].value)
    left = [*joint_spread(changed).priors, *independent_priors(changed)]
    assert key not in [prior.key for prior in left]
