"""The ``fit`` section of a machine file: what is wrong with it is said with line and key."""

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from costmodel.config.errors import ConfigError
from costmodel.config.fit import Uncertainty
from costmodel.config.machine import Machine
from costmodel.config.resources import find_file

FIT = """
fit:
  rows: [T1/1]
  priors:
    kernel.table_alloc_ns: {value: 1, low: 0, high: 500, kind: inferred, source: "a"}
  uncertainty:
    keys: [kernel.table_alloc_ns, core.width]
    stdev: [1, 0.5]
    correlation: [[], [0.5]]
"""


def load(tmp_path: Path, fit: str) -> Machine:
    path = tmp_path / "machine.yaml"
    path.write_text(find_file("machines", "graviton3").read_text() + fit)
    return Machine.load(path)


def test_a_fit_is_read(tmp_path: Path) -> None:
    fit = load(tmp_path, FIT).fit
    assert fit is not None
    assert fit.rows == ["T1/1"]
    assert fit.uncertainty.matrix() == pytest.approx(np.array([[1, 0.5], [0.5, 1]]))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("core.width]", "core.wdth]", r"fit.uncertainty.keys\[1\]: unknown key, did you mean"),
        ("    kernel.table", "    kernel.tabel", "fit.priors.* unknown key, did you mean"),
        ("stdev: [1, 0.5]", "stdev: [1]", "must have 2 numbers, one per key"),
        ("[[], [0.5]]", "[[], [1.5]]", "must be at most 1"),
        ("[[], [0.5]]", "[[]]", "must have one row per key"),
        ("rows: [T1/1]", "rows: []", "must not be empty"),
        ("stdev: [1, 0.5]", "stdev: [1, 0]", "must be more than 0"),
    ],
)
def test_what_does_not_fit_together_is_a_fault(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        load(tmp_path, FIT.replace(old, new, 1))


def test_a_matrix_that_no_numbers_can_have_is_refused() -> None:
    with pytest.raises(ValidationError, match="positive semidefinite"):
        Uncertainty(keys=["a", "b", "c"], stdev=[1.0] * 3, correlation=[[], [0.9], [0.9, -0.9]])
