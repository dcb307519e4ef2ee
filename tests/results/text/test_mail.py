"""The mail: the thread's shape, plain ASCII, 76 columns, published beside predicted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from costmodel.config.workload import ORDERS
from costmodel.experiment import Comparison, LeftOut, Result, compare
from costmodel.experiment.builds import BuildChanges
from costmodel.files import json_text
from costmodel.results.build import result_file
from costmodel.results.document import ResultFile
from costmodel.results.reading import read_results
from costmodel.results.text.dearer import dearer_orders
from costmodel.results.text.mail import mail
from costmodel.statistics import change, exact
from tests.results.made import cell, document

Made = Callable[..., list[Comparison]]
STORM = "| contpte-per-pte                  |    5.9% |    0.9% | 3654.3% |"


def file_of(comparisons: list[Comparison], left_out: Sequence[LeftOut] = ()) -> ResultFile:
    noise = comparisons[0].result.samples_ps is not None
    origin = {"version": "1.2.3", "seed": 1, "noise": noise}
    return result_file(comparisons, origin, title="fork of 1 GiB", left_out=left_out)


def text(comparisons: list[Comparison], left_out: Sequence[LeftOut] = ()) -> str:
    return mail(file_of(comparisons, left_out))


def test_the_table_has_the_shape_of_the_thread(comparisons: Made) -> None:
    lines = text(comparisons()).splitlines()
    assert lines[:3] == [
        "fork of 1 GiB",
        "fork, 1 GiB, writable, build gcc12-booted (gcc 12.2.0, small, booted), 8",
        "runs x 100 iterations, seed 1, costmodel 1.2.3",
    ]
    assert lines[4:8] == [
        "| Ampere Altra                     | order-0 (pte-map) | order-9 (pte-map) |",
        "| fork                             |-------------------|-------------------|",
        "| change of run time               |    mean |   stdev |    mean |   stdev |",
        "|----------------------------------|---------|---------|---------|---------|",
    ]
    assert any(line.startswith(STORM) for line in lines)


def test_published_rows_stand_below_their_prediction(comparisons: Made) -> None:
    lines = text(comparisons()).splitlines()
    storm = next(i for i, line in enumerate(lines) if line.startswith(STORM))
    assert lines[storm + 1].startswith("|   model, 90%  ")
    assert lines[storm + 2] == (
        "|   published T07c                 |         |         | 3654.4% |    0.0% |"
    )


def test_a_measurement_printed_twice_in_the_thread_has_one_line(comparisons: Made) -> None:
    # T07c repeats the baseline of T07a; only the storm of T07c is a line.
    assert text(comparisons()).count("published T07c") == 1


def test_absolute_times_stand_beside_published_seconds(one_result: Callable[..., Result]) -> None:
    results = [
        one_result("xeon-4210r", 9, "v6.7", 0.0145, noise=False),
        one_result("xeon-4210r", 9, "folio-batch-v6.9", 0.0101, noise=False),
        one_result("xeon-4210r", 9, "folio-batch-prototype", 0.0094, noise=False),
    ]
    lines = text(compare(results, "v6.7")).splitlines()
    table = [" ".join(line.split()) for line in lines]
    absolute = table.index("| absolute | ms | ns/PTE |")
    assert "| published T14 | 14.305 | 54.57 |" in table[absolute:]
    assert "| folio-batch-v6.9 | 10.100 | 38.53 |" in table[absolute:]
    # T10i has seconds only: its change follows from its own baseline row.
    assert "| published T10i | -34.0% | |" in table[:absolute]


def test_rows_of_other_builds_become_a_range(comparisons: Made) -> None:
    report = text(comparisons(machine="apple-m2-vm"))
    assert "|   other builds                   |   -2.9 .. 15.2%   |" in report
    assert "other builds: lowest and highest" in " ".join(report.split())


def in_build(comparison: Comparison, build: str, seconds: float) -> Comparison:
    """Return a comparison in another build, in which the baseline takes so long."""
    new, base = comparison.result, comparison.baseline
    return replace(
        comparison,
        result=replace(new, cell=replace(new.cell, build=build), summary=exact(0.88 * seconds)),
        baseline=replace(base, cell=replace(base.cell, build=build), summary=exact(seconds)),
        change=change(exact(0.88 * seconds), exact(seconds), paired=True),
        builds=BuildChanges({"gcc12": -20.0, "gcc13-distro": -12.0, "gcc14": -10.0}),
    )


def test_a_row_is_of_the_median_build_and_says_so(comparisons: Made) -> None:
    base, new, *_ = comparisons(noise=False)
    report = text([base, in_build(new, "gcc13-distro", 0.0052)])
    lines = [" ".join(line.split()) for line in report.splitlines()]
    changes = lines[: lines.index("| absolute | ms | ns/PTE |")]
    assert "| over 3 builds | -20.0 .. -10.0% |" in changes
    assert "| build | gcc13-distro |" in changes
    assert "| v6.7, same build | 5.200 | 19.84 |" in lines


def test_of_two_builds_in_the_middle_the_lower_is_said_to_be_shown(comparisons: Made) -> None:
    base, new, *_ = comparisons(noise=False)
    odd = in_build(new, "gcc13-distro", 0.0052)
    even = replace(odd, builds=BuildChanges({"gcc12": -20.0, "gcc13-distro": -12.0}))
    said = [" ".join(text([base, each]).split()) for each in (odd, even)]
    lower = "the median build (of two in the middle the lower), which"
    assert [lower in each for each in said] == [False, True]
    assert even.builds is not None and even.builds.shown == "gcc12"


def test_a_build_that_all_numbers_share_stands_in_the_head(comparisons: Made) -> None:
    base, new, *_ = comparisons(noise=False)
    both = in_build(new, "gcc13-distro", base.result.summary.mean)
    first = replace(base, result=both.baseline, baseline=both.baseline)
    report = " ".join(text([first, replace(both, builds=None)]).split())
    assert "build gcc13-distro (gcc 13.3.0, distribution-like)" in report
    assert "same build" not in report


def test_a_change_across_builds_is_cautioned(comparisons: Made) -> None:
    base, new, *_ = comparisons()
    other = replace(new.result, cell=replace(new.result.cell, build="gcc14"))
    report = " ".join(text([base, replace(new, result=other)]).split())
    assert "is compared with another build, gcc12-booted" in report


@pytest.mark.parametrize("noise", [True, False])
@pytest.mark.parametrize("machine", ["ampere-altra", "apple-m2-vm", "xeon-4210r"])
def test_a_mail_client_can_carry_it(comparisons: Made, machine: str, noise: bool) -> None:
    report = text(
        comparisons(machine=machine, noise=noise),
        left_out=[
            LeftOut(machine, tuple(f"contpte-strategy-{i}" for i in range(9)), "x86_64 only")
        ],
    )
    assert report.isascii()
    assert max(map(len, report.splitlines())) <= 76
    assert report.endswith("\n") and not report.endswith("\n\n")


def test_many_orders_break_into_several_tables(one_result: Callable[..., Result]) -> None:
    results = [
        one_result("ampere-altra", order, name, 0.005)
        for order in ORDERS
        for name in ("v6.7", "folio-batch-v6.9")
    ]
    report = text(compare(results, "v6.7"))
    assert max(map(len, report.splitlines())) <= 76
    for order in ORDERS:
        assert report.count(f"order-{order} (pte-map)") == 1


def test_a_mix_of_orders_has_its_column(one_result: Callable[..., Result]) -> None:
    results = [one_result("ampere-altra", {0: 0.5, 4: 0.5}, "v6.7", 0.005)]
    assert "|  0: 50%, 4: 50%   |" in text(compare(results, "v6.7"))


def test_a_mix_of_many_orders_is_cut(one_result: Callable[..., Result]) -> None:
    results = [
        one_result("ampere-altra", {order: 1 / len(ORDERS) for order in ORDERS}, "v6.7", 0.005)
    ]
    report = text(compare(results, "v6.7"))
    assert "|0:11.1111%,2:11....|" in report
    assert max(map(len, report.splitlines())) <= 76


def test_exact_results_have_no_deviation(comparisons: Made) -> None:
    report = text(comparisons(noise=False))
    assert "without noise" in report
    assert "| v6.7 (baseline)                  |    0.0% |       - |" in report
    assert "Smallest change" not in report


def test_the_smallest_change_the_protocol_shows_is_stated(comparisons: Made) -> None:
    report = " ".join(text(comparisons()).split())
    assert "Smallest change that 8 x 100 would show here: 1.2% (order-0), 1.2% (order-9)." in report


def test_what_is_left_out_is_said_with_its_reason(comparisons: Made) -> None:
    left = LeftOut("ampere-altra", ("my-x86-patch",), "x86_64 only")
    assert "Left out, x86_64 only: my-x86-patch." in text(comparisons(), left_out=[left])


def test_a_long_name_of_a_user_is_cut_in_front(comparisons: Made) -> None:
    name = "/home/user/patches/a/very/long/path/my_patch.py:my_copy_loop"
    results = file_of(comparisons())
    mine = results.cells[1].model_copy(update={"strategy": name})
    report = mail(results.model_copy(update={"cells": [results.cells[0], mine]}))
    assert "my_patch.py:my_copy_loop |" in report
    assert max(map(len, report.splitlines())) <= 76


def test_the_report_of_a_file_is_that_of_the_run(comparisons: Made, tmp_path: Path) -> None:
    """All that the report shows stands in the result file: reading it back gives the same text."""
    left = LeftOut("ampere-altra", ("my-x86-patch",), "x86_64 only")
    results = file_of(comparisons(), [left])
    file = tmp_path / "result.json"
    file.write_text(json_text(results.data()))
    assert mail(read_results(file)) == mail(results)


def test_a_strategy_that_jumps_in_several_columns_is_named_once(comparisons: Made) -> None:
    made = file_of(comparisons())
    cells = [c.model_copy(update={"model_change_jumps": not c.is_baseline}) for c in made.cells]
    printed = " ".join(mail(made.model_copy(update={"cells": tuple(cells)})).split())
    assert "contpte-per-pte (order-0, order-9)" in printed


def results(times: dict[int, float], **stacks: Any) -> ResultFile:
    cells = [cell("v6.7", 1e-3 * ms, order=order, noise=False) for order, ms in times.items()]
    for each in cells:
        each.update(stacks)
    return ResultFile.model_validate(document(*cells, noise=False))


def test_a_rise_between_neighbours_is_told_with_its_cause() -> None:
    file = results({5: 6.0, 4: 5.0, 9: 5.9})
    (said,) = dearer_orders(file.cells)
    assert said.startswith("Dearer per PTE with larger folios: v6.7 +20.0% from order-4 to order-5")
    assert "(tlbi +2.29, dram +1.14 ns)" in said and "dram: waiting for memory" in said
    assert "+20.0% from order-4" in " ".join(mail(file).split())


@pytest.mark.parametrize(
    "times", [{4: 5.0, 5: 5.1}, {4: 5.0, 5: 4.0}, {0: 5.0, 9: 9.0}, {4: 5.0}, {2: 5.0, 4: 9.0}]
)
def test_small_rises_falls_and_orders_far_apart_are_not(times: dict[int, float]) -> None:
    assert not list(dearer_orders(results(times).cells))


def test_order_2_is_the_neighbour_of_order_0() -> None:
    (said,) = dearer_orders(results({0: 5.0, 2: 6.0}).cells)
    assert "from order-0 to order-2" in said


def legend_of(*cells: dict[str, Any]) -> str:
    return " ".join(mail(ResultFile.model_validate(document(*cells, noise=False))).split())


def missed(strategy: str, order: int, ratio_pct: float) -> dict[str, Any]:
    known = {"model_error_change_pct": ratio_pct, "model_error_seconds_pct": 6.0}
    return cell(strategy, 5e-3, order=order, noise=False) | known


def test_the_legend_says_by_how_much_predictions_missed() -> None:
    """As factors: a percent of a change would mean something else."""
    alone = legend_of(missed("v6.7", 0, 0.0))
    assert "missed beyond that, up or down: a time by a factor of 1.06 (docs" in alone
    others = [missed("folio-scan-v3", order, pct) for order, pct in ((0, 2.31), (9, 66.0))]
    told = legend_of(missed("v6.7", 0, 0.0), missed("v6.7", 9, 0.0), *others)
    assert "1.06, the ratio of two times by factors of 1.023 to 1.66 (docs" in told
    assert "missed beyond that (docs" in legend_of(cell("v6.7", 5e-3, noise=False))
