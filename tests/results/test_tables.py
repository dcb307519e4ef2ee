"""Results as CSV and Markdown: the numbers of the file, in a form that others read."""

from __future__ import annotations

import csv
import io

from costmodel.results.compare import compare_files
from costmodel.results.tables import (
    comparison_csv,
    comparison_markdown,
    results_csv,
    results_markdown,
)
from tests.results.made import cell, crowd, document, four_strategies, results_of, versus

NAMES = ("old.json", "new_1.json")


def test_csv_has_a_line_per_cell_with_all_digits() -> None:
    results = results_of(four_strategies())
    lines = list(csv.DictReader(io.StringIO(results_csv(results))))
    assert len(lines) == len(results.cells)
    for line, own in zip(lines, results.cells, strict=True):
        assert float(line["ns_per_pte"]) == own.ns_per_pte
        assert float(line["change_pct"]) == own.change_pct.mean
        assert (line["machine"], line["strategy"]) == (own.machine, own.strategy)
    assert lines[0]["contpte"] == "" and lines[0]["noise"] == "true"
    assert "T11/6 -13.9 rel_pct" in lines[5]["published"]


def test_csv_has_the_interval_of_the_throughput() -> None:
    made = cell("v6.7", 0.005) | {"model_interval_throughput_per_s90": [150.0, 260.0]}
    (line,) = csv.DictReader(io.StringIO(results_csv(results_of(document(made)))))
    ends = [float(line[key]) for key in ("throughput_low_per_s90", "throughput_high_per_s90")]
    assert ends == [150.0, 260.0] and float(line["throughput_per_s"]) == 200.0


def test_markdown_has_a_table_per_machine_and_layout() -> None:
    text = results_markdown(results_of(four_strategies()))
    assert text.count("### ") == 4 and "### apple-m2-vm, order-9 (2 MiB)" in text
    (line,) = [
        line for line in text.split("### ")[2].splitlines() if "folio-batch-prototype" in line
    ]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[:5] == [
        "folio-batch-prototype", "-13.2%", "1.1%", "-19.2 .. -6.2%", "-13.9% (T11), -10.4% (T10)",
    ]  # fmt: skip
    widths = {row.count("|") for row in text.splitlines() if row.startswith("|")}
    assert widths == {8}


def test_markdown_shows_a_strange_name_as_it_is() -> None:
    data = versus(0.005, ("a|b_c.py:f", 0.004))
    assert "a\\|b\\_c.py:f" in results_markdown(results_of(data))


def test_a_comparison_in_both_forms() -> None:
    old, new = (results_of(versus(0.005, ("b", after))) for after in (0.004, 0.0044))
    comparison = compare_files(old, new, names=NAMES)
    lines = list(csv.DictReader(io.StringIO(comparison_csv([comparison], names=NAMES))))
    assert {line["new_file"] for line in lines} == {NAMES[1]}
    assert [line["significant"] for line in lines] == ["false", "true"]
    assert float(lines[1]["change_pct"]) == comparison.cells[1].change.mean_pct
    text = comparison_markdown(comparison, names=NAMES)
    assert "new: new\\_1.json" in text and "| 10.0% |" in text and "| ~ |" in text


def test_no_two_lines_of_a_comparison_say_the_same() -> None:
    """Cells are told apart by processes and threads, too."""
    cells = [
        cell("v6.7", 0.005) | {"cpus": cpus, "crowd": crowd(cpus, 1.0, threads=threads)}
        for cpus in (1, 8)
        for threads in (1, 4)
    ]
    file = results_of(document(*cells))
    comparison = compare_files(file, file, names=NAMES)
    lines = list(csv.DictReader(io.StringIO(comparison_csv([comparison], names=NAMES))))
    told = [(line["cpus"], line["threads"]) for line in lines]
    assert told == [("1", "1"), ("1", "4"), ("8", "1"), ("8", "4")]
