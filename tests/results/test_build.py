"""Result files: the keys of schema 1, and numbers that agree with each other."""

from collections.abc import Callable

import pytest

from costmodel.experiment import Comparison, Result, compare
from costmodel.files import json_text
from costmodel.results.build import result_file
from costmodel.uncertainty.model_error import AnswerClass, size_pct

Made = Callable[..., list[Comparison]]
PROVENANCE = {"version": "1.2.3", "seed": 1, "noise": True}
CELL_KEYS = {
    "machine",
    "operation",
    "memory_bytes",
    "folio_order",
    "state",
    "strategy",
    "baseline",
    "ns_per_pte",
    "seconds",
    "change_pct",
    "cpi_stack_ns_per_pte",
    "micro_ops_per_pte",
    "published",
}


def test_every_promised_key_is_there(comparisons: Made) -> None:
    document = result_file(comparisons(), PROVENANCE).data()
    assert (document["schema"], document["provenance"]) == (1, PROVENANCE)
    for cell in document["cells"]:
        assert cell.keys() >= CELL_KEYS
        assert cell["seconds"].keys() >= {
            "mean",
            "stdev_between_runs",
            "stdev_within_runs",
            "run_means",
        }
        assert cell["change_pct"].keys() >= {"mean", "stdev", "ci95"}
        assert len(cell["seconds"]["run_means"]) == 8


def test_the_cpi_stack_sums_to_the_time_per_pte(comparisons: Made) -> None:
    for cell in result_file(comparisons(), PROVENANCE).data()["cells"]:
        total = sum(cell["cpi_stack_ns_per_pte"].values())
        assert total == pytest.approx(cell["ns_per_pte"], rel=1e-9)


def test_the_baseline_has_its_own_cell(comparisons: Made) -> None:
    cells = result_file(comparisons(), PROVENANCE).data()["cells"]
    baselines = [cell for cell in cells if cell["strategy"] == cell["baseline"]]
    assert [cell["change_pct"]["mean"] for cell in baselines] == [0.0, 0.0]


def test_the_error_of_the_model_in_the_intervals_is_that_of_the_class(comparisons: Made) -> None:
    """That of a change is smaller by what of both times lies around the loop."""
    cells = result_file(comparisons(), PROVENANCE).data()["cells"]
    for cell in cells:
        of_class = AnswerClass.LARGE if cell["folio_order"] else AnswerClass.ORDER_0
        baseline = cell["strategy"] == cell["baseline"]
        most = 0 if baseline else size_pct(of_class)
        assert 0.8 * most <= cell["model_error_change_pct"] <= most
        assert cell["model_error_seconds_pct"] == size_pct(AnswerClass.UNCOMPARED)


def test_published_rows_say_where_they_come_from(comparisons: Made) -> None:
    cells = result_file(comparisons(), PROVENANCE).data()["cells"]
    (storm,) = [c for c in cells if c["strategy"] == "contpte-per-pte" and c["folio_order"] == 9]
    (row,) = storm["published"]
    assert (row["mean"], row["stdev"], row["metric"]) == (3654.4, 0.0, "rel_pct")
    assert "<20231218105100.172635-1-ryan.roberts@arm.com>" in row["source"]


def test_exact_results_carry_null_for_deviations(comparisons: Made) -> None:
    cell = result_file(comparisons(noise=False), PROVENANCE | {"noise": False}).data()["cells"][1]
    assert cell["seconds"]["stdev_between_runs"] is None
    assert cell["seconds"]["run_means"] == []
    assert cell["change_pct"]["ci95"] is None
    assert cell["seconds"]["mean"] == pytest.approx(cell["ns_per_pte"] * cell["ptes"] / 1e9)


def test_equal_results_give_equal_bytes(comparisons: Made) -> None:
    one, other = (result_file(comparisons(), PROVENANCE) for _ in range(2))
    assert json_text(one.data()) == json_text(other.data())


def test_a_broken_strategy_says_so(one_result: Callable[..., Result]) -> None:
    names = ("v6.7", "folio-batch-off-by-one")
    results = [one_result("ampere-altra", 9, name, 0.004) for name in names]
    sound, broken = result_file(compare(results, "v6.7"), PROVENANCE).cells
    assert sound.remarks == [] and sound.marked == "v6.7"
    assert broken.marked == "folio-batch-off-by-one *"
    assert "corrupt page state" in broken.remarks[0]
