"""A fit in a machine file: in place, nothing else touched, read back, undone."""

from pathlib import Path

import numpy as np
import pytest

from costmodel.arrays import Floats
from costmodel.calibration.fit import Fitted, fit
from costmodel.calibration.machine_file import with_fit, write_fit
from costmodel.calibration.problem import Data, Problem
from costmodel.config.errors import ConfigError
from costmodel.config.fit import Uncertainty
from costmodel.config.machine import Machine
from costmodel.config.resources import find_file
from costmodel.uncertainty.priors import priors

KEYS = ("atomics.store_only_cycles", "tlbi.issue_ns")
KNOWN = Uncertainty(
    keys=[*KEYS, "kernel.table_alloc_ns"],
    stdev=[0.9, 15.0, 140.0],
    correlation=[[], [0.5], [-0.1, 0.0]],
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    copy = tmp_path / "graviton3.yaml"
    copy.write_text(find_file("machines", "graviton3").read_text())
    return copy


def fitted(machine: Machine, wanted: tuple[float, float] = (9.0, 200.0)) -> Fitted:
    def model(numbers: Floats) -> Floats:
        return np.asarray(numbers / np.array(wanted))

    data = Data(("T1/1", "T1/2"), np.ones(2), np.full(2, 1e-4))
    return fit(Problem(model, data, priors(machine, KEYS)), starts=1)


def test_only_the_fitted_numbers_and_the_fit_change(path: Path) -> None:
    machine, before = Machine.load(path), path.read_text()
    write_fit(path, machine, fitted(machine), KNOWN)
    after = Machine.load(path)
    for key, parameter in after.parameters.items():
        if key in KEYS:
            assert parameter.kind == "fitted"
            assert "T1/1, T1/2" in parameter.source
            assert (parameter.low, parameter.high) == (
                machine.parameters[key].low,
                machine.parameters[key].high,
            )
        else:
            assert parameter == machine.parameters[key]
    assert after.atomics.store_only_cycles.value == pytest.approx(9.0, rel=1e-2)
    comments = [line for line in before.splitlines() if line.startswith("#")]
    assert all(comment in path.read_text() for comment in comments)
    assert max(map(len, path.read_text().splitlines())) <= 100


def test_what_the_sources_said_is_kept(path: Path) -> None:
    machine = Machine.load(path)
    write_fit(path, machine, fitted(machine), KNOWN)
    kept = Machine.load(path).fit
    assert kept is not None
    for key in KEYS:
        assert kept.priors[key] == machine.parameters[key]
    assert kept.uncertainty == KNOWN
    assert kept.rows == ["T1/1", "T1/2"]


def test_a_second_fit_starts_from_the_same_priors_and_replaces_the_first(path: Path) -> None:
    machine = Machine.load(path)
    write_fit(path, machine, fitted(machine), KNOWN)
    once = path.read_text()
    again = Machine.load(path)
    assert priors(again, KEYS) == priors(machine, KEYS)
    write_fit(path, again, fitted(again), KNOWN)
    assert path.read_text() == once


def test_a_number_that_is_no_longer_fitted_is_as_before(path: Path) -> None:
    machine = Machine.load(path)
    write_fit(path, machine, fitted(machine), KNOWN)
    once = Machine.load(path)
    only_one = fit(
        Problem(
            lambda numbers: numbers / 9.0,
            Data(("T1/1",), np.ones(1), np.full(1, 1e-4)),
            priors(once, KEYS[:1]),
        ),
        starts=1,
    )
    assert once.fit is not None
    expected = once.fit.priors["tlbi.issue_ns"]
    write_fit(path, once, only_one, KNOWN)
    assert Machine.load(path).parameters["tlbi.issue_ns"] == expected


def test_the_machine_in_memory_is_the_one_in_the_file(path: Path) -> None:
    machine = Machine.load(path)
    found = fitted(machine)
    write_fit(path, machine, found, KNOWN)
    assert with_fit(machine, found, KNOWN) == Machine.load(path)


def test_a_file_that_would_be_wrong_is_not_written(path: Path) -> None:
    machine = Machine.load(path)
    wrong = path.read_text().replace("cpus_online: {value: 64", "cpus_online: {value: 0")
    path.write_text(wrong)
    with pytest.raises(ConfigError, match="cpus_online"):
        write_fit(path, machine, fitted(machine), KNOWN)
    assert path.read_text() == wrong
