"""Curves of a sweep: a line and its band over values of a number."""

from __future__ import annotations

import numpy as np
import pytest

from costmodel.sweeps.curves import Curve, followed


def test_many_values_are_put_together() -> None:
    rng = np.random.default_rng(1)
    x = rng.uniform(0, 1, 400)
    curve = Curve("m", "order-0", "s", x, 10 * x + rng.uniform(-1, 1, 400))
    at, quantiles = curve.quantiles()
    assert len(at) == 16 and (np.diff(at) > 0).all()
    assert quantiles[:, 1] == pytest.approx(10 * at, abs=0.6)
    assert (quantiles[:, 0] < quantiles[:, 1]).all() and (quantiles[:, 1] < quantiles[:, 2]).all()


def test_a_number_is_followed_as_far_as_ranks_agree() -> None:
    x = np.arange(1.0, 9.0)
    rising = Curve("m", "order-0", "s", x, x**3)
    falling = Curve("m", "order-0", "s", x, -x)
    flat = Curve("m", "order-0", "s", x, np.ones(8))
    assert followed([rising, falling]) == pytest.approx(1.0)
    assert followed([flat]) == 0.0 == followed([])
