"""What comparisons and pictures take from a result file."""

from __future__ import annotations

from typing import Any

import pytest

from costmodel.config.errors import ConfigError
from costmodel.results.document import ResultFile, column_title
from tests.results.made import cell, document, four_strategies, results_of, row


def made(*args: Any, **kwargs: Any) -> ResultFile:
    return results_of(four_strategies(*args, **kwargs))


def test_what_titles_and_panels_say() -> None:
    results = made()
    assert results.machines == ("ampere-altra", "apple-m2-vm")
    assert results.columns == ("order-0", "order-9")
    assert results.strategies[0] == results.baseline == "v6.7"
    assert results.case == "fork of 1 GiB (writable)"
    assert results.origin == "8 runs x 100 iterations, seed 1, costmodel 1.2.3"
    storm = results.panel("ampere-altra", "order-9")[-1]
    assert storm.change_pct.mean == pytest.approx(5110.5, abs=0.1)
    assert storm.measurements[0].change == 3654.4 and storm.measurements[0].fitted


def test_a_measurement_printed_twice_is_shown_once() -> None:
    rows = [row("T11/6", -13.9, role="fit"), row("T10/6", -10.4)]
    rows.append({**rows[0], "id": "T12/1", "repeats": rows[0]["id"]})
    first = results_of(document(cell("v6.7", 0.005, published=rows))).first
    assert [number.table for number in first.measurements] == ["T11", "T10"]


def test_only_keeps_what_is_named_and_the_baseline() -> None:
    chosen = made().only(machines=["apple-m2-vm"], strategies=["contpte-per-pte"], orders=["9"])
    assert [(c.machine, c.strategy, c.order) for c in chosen.cells] == [
        ("apple-m2-vm", "v6.7", 9),
        ("apple-m2-vm", "contpte-per-pte", 9),
    ]
    with pytest.raises(ConfigError, match=r"--order: not in these results, which have 0, 9"):
        made().only(orders=["4"])


def test_a_mix_is_named_by_its_shares() -> None:
    data = four_strategies(["ampere-altra"], (9,))
    for each in data["cells"]:
        each["folio_orders"], each["folio_order"] = {"0": 0.5, "4": 0.5}, None
    results = results_of(data)
    assert results.columns == ("0: 50%, 4: 50%",)
    assert results.first.order is None


def test_layouts_are_shown_with_their_size() -> None:
    assert column_title("order-9") == "order-9 (2 MiB)"
    assert column_title("0: 50%, 4: 50%") == "0: 50%, 4: 50%"


def test_what_is_read_is_written_again() -> None:
    data = four_strategies()
    assert results_of(data).data() == data


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ns_per_pte": 40.0}, "cpi_stack_ns_per_pte: must sum to ns_per_pte, 40"),
        ({"folio_orders": {"9": 0.4}}, "folio_orders: the shares must sum to 1"),
        ({"runs": 7}, "seconds.run_means: must be one number per run, 7"),
        ({"model_interval_pct90": [2.0, 1.0]}, "model_interval_pct90: must be [low, high]"),
        ({"strategy": "two\nlines"}, "strategy: must be one line of printable text"),
        ({"frames": "scattered"}, "frames: must be that of cells[0], 'contiguous'"),
        ({"published": [row("T/1", 0.0, metric="seconds")]}, "mean: must be more than 0 seconds"),
    ],
)
def test_numbers_that_contradict_each_other_are_refused(
    change: dict[str, Any], message: str
) -> None:
    data = four_strategies(["ampere-altra"], (9,))
    data["cells"][1] |= change
    with pytest.raises(ConfigError) as error:
        results_of(data)
    assert message in str(error.value)


def test_a_change_must_be_that_of_the_times_and_have_its_baseline() -> None:
    data = four_strategies(["ampere-altra"], (9,))
    data["cells"][1]["change_pct"]["mean"] += 1
    with pytest.raises(ConfigError, match=r"cells\[1\].change_pct.mean: must be that of the times"):
        results_of(data)
    with pytest.raises(ConfigError, match=r"cells\[0\].baseline: has no cell of this place"):
        results_of(document(cell("other", 0.005)))
