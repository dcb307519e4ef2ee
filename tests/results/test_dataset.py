"""Results as an xarray dataset."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import costmodel
from costmodel.config.errors import ConfigError
from costmodel.results.dataset import dataset
from tests.results.made import four_strategies, results_of


def test_cells_are_found_by_their_names() -> None:
    pytest.importorskip("xarray")
    results = results_of(four_strategies())
    data = dataset(results)
    assert dict(data.sizes) == {"machine": 2, "strategy": 4, "folios": 2, "state": 1, "cause": 3}
    for cell in results.cells:
        found = data.sel(machine=cell.machine, strategy=cell.strategy, folios=cell.order)
        assert float(found.ns_per_pte.item()) == cell.ns_per_pte
        assert float(found.change_pct.item()) == cell.change_pct.mean
        assert float(found.cpi_stack_ns_per_pte.sum()) == pytest.approx(cell.ns_per_pte)
    assert data.ns_per_pte.attrs["units"] == "ns" and data.attrs["baseline"] == "v6.7"


def test_a_study_gives_its_results() -> None:
    pytest.importorskip("xarray")
    study = costmodel.study(
        machines="ampere-altra", strategies="folio-batch-v6.9", noise=False, memory="2 MiB"
    )
    found = study.to_xarray().sel(strategy="folio-batch-v6.9", folios=0)
    result = study["ampere-altra", "folio-batch-v6.9", 0].result
    assert float(found.ns_per_pte.item()) == result.ns_per_pte


def test_several_cpus_have_a_throughput_with_its_interval() -> None:
    pytest.importorskip("xarray")
    study = costmodel.study(
        machines="ampere-altra", strategies="v6.7", noise=False, memory="2 MiB", cpus=[1, 4]
    )
    found = study.to_xarray().sel(strategy="v6.7", folios=0, cpus=4)
    per_s = float(found.throughput_per_s.item())
    assert found.throughput_low_per_s90.item() < per_s < found.throughput_high_per_s90.item()
    assert found.throughput_per_s.attrs["units"] == "1/s"
    assert found.model_low_seconds90.item() < found.seconds.item() < found.model_high_seconds90


def test_what_was_not_computed_is_nan() -> None:
    pytest.importorskip("xarray")
    data = four_strategies(["ampere-altra"])
    del data["cells"][3]
    found = dataset(results_of(data)).sel(strategy="contpte-per-pte", folios=0)
    assert np.isnan(found.ns_per_pte.item())


def test_without_xarray_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(ConfigError, match=r"pip install 'costmodel\[xarray\]'"):
        dataset(results_of(four_strategies()))
