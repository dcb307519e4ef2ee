"""Which build a comparison prices: the median one, and always the same of both."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

import costmodel
from costmodel.experiment import Cell, Comparison, build_of, compare_cells
from costmodel.experiment.builds import BuildChanges, common_builds, matched
from costmodel.strategies.builds import BOOTED, known_builds

DOCUMENT = (Path(__file__).parents[2] / "docs" / "builds.md").read_text()


def cell(strategy: str, machine: str = "xeon-4210r", order: int = 0) -> Cell:
    return costmodel.cell(machine, strategy, order=order)


def unmap(strategy: str, machine: str, order: int) -> Cell:
    return costmodel.cell(machine, strategy, operation="zap", state="munmap", order=order)


def table(*strategies: str) -> list[Comparison]:
    """Return the rows of a table for the 4210R, the baseline's first."""
    base = cell("v6.7")
    cells = [base, *(replace(base, strategy=name) for name in strategies)]
    return compare_cells(cells, "v6.7", noise=False, intervals=False)


def test_the_median_build_is_priced_not_the_booted_extreme() -> None:
    """+7.9 % by the booted gcc 12; the middle of all builds is below +4 %."""
    _, row = table("folio-batch-v6.12")
    assert row.builds is not None and len(row.builds.changes_pct) >= 14
    assert row.change.mean_pct == pytest.approx(row.builds.shown_pct)
    assert row.builds.low_pct < row.change.mean_pct < row.builds.high_pct
    changes = sorted(row.builds.changes_pct.values())
    assert changes[(len(changes) - 1) // 2] == row.builds.shown_pct < 4
    assert row.result.build == row.baseline.build == row.builds.median


def test_times_and_change_of_a_row_agree() -> None:
    for row in table("v6.8", "folio-batch-v6.12", "folio-scan-v3"):
        ratio = row.result.summary.mean / row.baseline.summary.mean
        assert row.change.mean_pct == pytest.approx(100 * (ratio - 1))
        assert row.result.build == row.baseline.build


def test_what_was_recorded_of_one_build_is_compared_in_it() -> None:
    base, row = table("folio-scan-v3")
    assert row.builds is None
    assert row.result.build == BOOTED and row.baseline is base.result


def test_a_row_does_not_depend_on_what_stands_beside_it() -> None:
    alone = table("folio-batch-v6.12")[1]
    among = table("v6.8", "folio-batch-v6.12", "folio-scan-v3")[2]
    assert alone.change == among.change and alone.result == among.result


def test_a_named_build_takes_the_baseline_with_it() -> None:
    for new, base in (("folio-batch-v6.12@gcc14", "v6.7"), ("folio-batch-v6.12", "v6.7@gcc14")):
        match = matched(cell(new), cell(base))
        assert build_of(match.new) == build_of(match.base) == "gcc14"
        assert match.builds is None


def test_two_named_builds_are_compared_as_they_are() -> None:
    match = matched(cell("v6.7@gcc13-distro"), cell("v6.7@gcc12"))
    assert (build_of(match.new), build_of(match.base)) == ("gcc13-distro", "gcc12")
    assert match.is_across


def test_the_booted_kernels_count_once() -> None:
    """They are of the compiler and configuration of gcc12."""
    both = common_builds(cell("folio-batch-v6.12"), cell("v6.7"))
    assert "gcc12" in both and BOOTED not in both
    assert BOOTED not in common_builds(cell("folio-batch-v6.12", order=4), cell("v6.7", order=4))
    alone = cell("folio-scan-v3", order=4)
    assert common_builds(alone, cell("v6.7", order=4)) == (BOOTED,)


def test_of_an_even_number_the_lower_of_the_middle_two_is_the_median() -> None:
    found = BuildChanges({"a": 4.0, "b": 1.0, "c": 3.0, "d": 2.0})
    assert (found.median, found.shown_pct) == ("d", 2.0)


def test_without_noise_or_with_and_in_any_number_of_processes_it_is_the_same_build() -> None:
    base = cell("v6.7")
    cells = [base, replace(base, strategy="folio-batch-v6.12")]
    builds = {
        compare_cells(cells, "v6.7", noise=noise, jobs=jobs, intervals=False)[1].result.build
        for noise, jobs in ((False, 1), (True, 1), (False, 2))
    }
    assert len(builds) == 1


def test_the_document_names_each_build_once() -> None:
    table = DOCUMENT.partition("| build |")[2].partition("\n\n")[0]
    firsts = [line.split("|")[1] for line in table.splitlines()[2:]]
    named = [name for first in firsts for name in re.findall("`([^`]+)`", first)]
    assert sorted(named) == sorted(known_builds())


def test_the_ranges_that_the_document_states_are_found() -> None:
    table = DOCUMENT.partition("| order 0 | order 9 |")[2].partition("\n\n")[0]
    names = {"Xeon 4210R": "xeon-4210r", "Ampere Altra": "ampere-altra"}
    checked = 0
    for line in table.splitlines()[2:]:
        title, strategy, *ranges = (part.strip() for part in line.strip("|").split("|"))
        for order, text in zip((0, 9), ranges, strict=True):
            new, base = (cell(name, names[title], order) for name in (strategy, "v6.7"))
            found = matched(new, base).builds
            if text:
                low, high = (float(number) for number in re.findall(r"[-+]?\d+\.\d", text))
                assert found is not None
                assert (found.low_pct, found.high_pct) == pytest.approx((low, high), abs=0.06)
                checked += 1
    assert checked == 13


def test_the_ranges_of_unmaps_that_the_document_states_are_found() -> None:
    table = DOCUMENT.partition("| order 0 | order 4 | order 9 |")[2].partition("\n\n")[0]
    names = {"Xeon 4210R": "xeon-4210r", "Ampere Altra": "ampere-altra"}
    for line in table.splitlines()[2:]:
        title, strategy, *ranges = (part.strip() for part in line.strip("|").split("|"))
        for order, text in zip((0, 4, 9), ranges, strict=True):
            new, base = (unmap(name, names[title], order) for name in (strategy, "v6.7"))
            found = matched(new, base).builds
            low, high = (float(number) for number in re.findall(r"[-+]?\d+\.\d", text))
            assert found is not None
            assert (found.low_pct, found.high_pct) == pytest.approx((low, high), abs=0.06)
