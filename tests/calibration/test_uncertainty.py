"""Intervals: algebra on hand-made slopes, and the shipped machines."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from costmodel.calibration.predict import slopes
from costmodel.calibration.targets import Case, usual_case
from costmodel.config.machine import Machine, load_machine
from costmodel.config.workload import Workload
from costmodel.uncertainty.priors import priors
from costmodel.uncertainty.spread import AROUND, DOMINANT, Spread, log_slopes, spread_of

ALTRA = load_machine("ampere-altra")


def spread(*, correlation: float = 0.0) -> Spread:
    return Spread(priors(ALTRA)[:2], np.array([[1.0, correlation], [correlation, 1.0]]))


def test_independent_numbers_add_as_variances() -> None:
    assert spread().log_deviation((0.03, 0.04)) == pytest.approx(0.05)


def test_numbers_tied_against_each_other_cancel() -> None:
    assert spread(correlation=-1.0).log_deviation((0.1, 0.1)) == pytest.approx(0, abs=1e-9)
    assert spread(correlation=1.0).log_deviation((0.1, 0.1)) == pytest.approx(0.2)


def test_slopes_of_a_known_time() -> None:
    def seconds(machines: Sequence[Machine]) -> list[float]:
        return [math.exp(machine.kernel.table_alloc_ns.value / 1000) for machine in machines]

    slopes = log_slopes(ALTRA, seconds([ALTRA])[0], seconds)
    for prior, slope in zip(spread_of(ALTRA).priors, slopes, strict=True):
        expected = prior.sigma / 1000 if prior.key == "kernel.table_alloc_ns" else 0.0
        assert slope == pytest.approx(expected), prior.key


def test_a_number_set_by_the_user_is_certain() -> None:
    key = spread_of(ALTRA).priors[0].key  # a fitted one, where there is a fit
    changed = ALTRA.with_value(key, ALTRA.parameters[key].value)
    assert key not in [prior.key for prior in spread_of(changed).priors]


@pytest.mark.parametrize("name", ["graviton3", "epyc-zen5"])
def test_a_machine_without_fit_has_independent_priors(name: str) -> None:
    machine = load_machine(name)
    found = spread_of(machine)
    assert {p.key for p in found.priors} <= {*DOMINANT[machine.isa], *AROUND}
    assert np.array_equal(found.covariance, np.eye(len(found.priors)))


def munmap_case(strategy: str, order: int) -> Case:
    workload = {"operation": "zap", "state": "munmap", "frames": "scattered"}
    size = {"memory_bytes": 1 << 30, "folio_orders": {order: 1.0}}
    return Case(strategy, Workload.model_validate(workload | size))


@pytest.mark.parametrize("case_of", [usual_case, munmap_case])
@pytest.mark.parametrize("name", ["graviton3", "sapphire-rapids"])
def test_what_is_left_out_matters_little(name: str, case_of: Callable[[str, int], Case]) -> None:
    machine = load_machine(name)
    everything = priors(machine)
    kept = [prior.key in DOMINANT[machine.isa] for prior in everything]
    names = ["v6.7", "folio-batch-v6.9"]
    cases = [case_of(strategy, order) for strategy in names for order in (0, 9)]
    by_prior = slopes(machine, cases, everything)
    for order in (0, 9):
        baseline, batched = (case_of(strategy, order) for strategy in names)
        time = np.array([slope[baseline] for slope in by_prior.values()]) ** 2
        change = np.array([s[batched] - s[baseline] for s in by_prior.values()]) ** 2
        assert time[kept].sum() > 0.8 * time.sum()
        assert change[kept].sum() > 0.8 * change.sum()
