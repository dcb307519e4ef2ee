"""The joint uncertainty: what the fitted rows tie together, and what they leave open."""

import pytest

from costmodel.calibration.calibrate import fit_rows
from costmodel.calibration.joint import MOST, uncertainty
from costmodel.config.fit import Uncertainty
from costmodel.config.machine import load_machine
from costmodel.uncertainty.priors import priors

ALTRA = load_machine("ampere-altra")
ROWS = fit_rows("ampere-altra")
TLBI = ("tlbi.issue_ns", "tlbi.broadcast_ns")


@pytest.fixture(scope="module")
def known() -> Uncertainty:
    return uncertainty(ALTRA, ROWS, ["tlbi.issue_ns"])


def test_fitted_numbers_come_first_and_only_what_matters_follows(known: Uncertainty) -> None:
    assert known.keys[0] == "tlbi.issue_ns"
    assert 1 < len(known.keys) <= MOST
    assert len(set(known.keys)) == len(known.keys)


def test_nothing_is_less_known_than_before(known: Uncertainty) -> None:
    sigma = {prior.key: prior.sigma for prior in priors(ALTRA)}
    for key, stdev in zip(known.keys, known.stdev, strict=True):
        assert stdev <= 1.01 * sigma[key], key


def test_issue_and_broadcast_of_a_tlbi_are_tied_together(known: Uncertainty) -> None:
    # One storm was published: if the broadcast is dearer, the issue is cheaper.
    issue, broadcast = (known.keys.index(key) for key in TLBI)
    assert known.matrix()[issue, broadcast] < -0.5


def test_a_fit_that_misses_its_rows_is_trusted_less(known: Uncertainty) -> None:
    poor = uncertainty(ALTRA, ROWS, ["tlbi.issue_ns"], chi2=100.0 * len(ROWS))
    assert poor.stdev[0] > 1.1 * known.stdev[0]
