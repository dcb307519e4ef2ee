"""Which number decides an answer: against answers whose decisive number is known."""

from __future__ import annotations

import pytest

from costmodel import api
from costmodel.experiment import run_cell
from costmodel.explaining import sensitivity as module
from costmodel.explaining.sensitivity import Sensitivity, sensitivity_of
from costmodel.results.plots.tornado import tornado_picture
from costmodel.results.text.sensitivity import sensitivity_text


@pytest.fixture(scope="module")
def storm() -> Sensitivity:
    """A kernel whose time is TLB invalidations, on a machine of independent numbers."""
    machine = api.machine("graviton3")
    cells = (api.cell(machine, name, order=4) for name in ("contpte-per-pte", "v6.7"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "POINTS", 16)
        patch.setattr(module, "MOST_NUMBERS", 4)
        return sensitivity_of(*cells)


def test_a_storm_of_invalidations_hangs_on_their_price(storm: Sensitivity) -> None:
    assert storm.influences[0].key == "tlbi.broadcast_ns"
    assert (storm.influences[0].first_order or 0.0) > 0.5
    assert storm.low < storm.answer < storm.high


def test_a_dearer_invalidation_costs_more(storm: Sensitivity) -> None:
    price = next(one for one in storm.influences if one.key == "tlbi.broadcast_ns")
    assert price.at_low < storm.answer < price.at_high


def test_shares_are_shares(storm: Sensitivity) -> None:
    first = [one.first_order for one in storm.influences if one.first_order is not None]
    assert all(0 <= share <= 1 for share in first)
    assert sum(first) < 1.3  # one plus what a sample of that size may be off


def test_numbers_that_do_not_matter_have_no_share(storm: Sensitivity) -> None:
    idle = [one for one in storm.influences if one.swing == 0]
    assert idle
    assert all(one.first_order is None for one in idle)


def test_a_choice_that_is_only_inferred_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caution of ``run`` names it, so the command that it points to has to know it."""
    monkeypatch.setattr(module, "POINTS", 16)
    monkeypatch.setattr(module, "MOST_NUMBERS", 4)
    key = "atomics.near_when_loaded"
    cells = (
        api.cell(api.machine("graviton3"), name, order=9, memory="8 MiB")
        for name in ("folio-batch-v6.9", "v6.7")
    )
    found = sensitivity_of(*cells)
    choice = next(one for one in found.influences if one.key == key)
    assert (choice.value, choice.low, choice.high) == (1, 0, 1)
    assert choice.at_high == pytest.approx(found.answer)
    assert choice.at_low < found.answer - 5  # batches save more where locked operations are far
    assert (choice.first_order or 0.0) > 0.1
    settled = api.machine("graviton3", changes={key: True})
    cells = (
        api.cell(settled, name, order=9, memory="8 MiB") for name in ("folio-batch-v6.9", "v6.7")
    )
    assert key not in [one.key for one in sensitivity_of(*cells).influences]


def test_the_table_fits_a_mail_and_the_picture_names_its_numbers(storm: Sensitivity) -> None:
    text = sensitivity_text(storm)
    assert max(map(len, text.splitlines())) <= 76
    assert "tlbi.broadcast_ns decides most of it" in text
    names = [label.get_text() for label in tornado_picture(storm).figure.axes[0].get_yticklabels()]
    assert "tlbi.broadcast_ns" in names


def test_times_are_per_entry_of_the_tables_that_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folios of order 9 with holes between them: three of four tables do not exist."""
    monkeypatch.setattr(module, "POINTS", 2)
    monkeypatch.setattr(module, "MOST_NUMBERS", 2)
    cell = api.cell("xeon-4210r", "v6.7", order=9, memory="8 MiB", overrides={"holes": 0.75})
    assert sensitivity_of(cell).answer == pytest.approx(run_cell(cell, noise=False).ns_per_pte)


def test_one_number_alone_decides_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POINTS", 32)
    monkeypatch.setattr(module, "MOST_NUMBERS", 1)
    found = sensitivity_of(api.cell("xeon-4210r", "v6.7", order=9, memory="2 MiB"))
    assert max(one.first_order or 0 for one in found.influences) > 0.5
