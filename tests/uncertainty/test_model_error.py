"""What predictions miss beyond their known doubt widens intervals, by class of answers."""

from __future__ import annotations

import math
from typing import Any

import pytest

from costmodel import api
from costmodel.config.machine import load_machine
from costmodel.config.workload import Workload
from costmodel.experiment import run_cell
from costmodel.published import is_compared, roles_of_times
from costmodel.uncertainty.model_error import AnswerClass, change_of, size_pct, time_of, widened


@pytest.mark.parametrize(
    ("asked", "change", "time"),
    [
        ({}, AnswerClass.ORDER_0, AnswerClass.TIME),
        ({"order": 4}, AnswerClass.LARGE, AnswerClass.TIME),
        ({"order": {0: 0.9, 9: 0.1}}, AnswerClass.LARGE, AnswerClass.TIME),
        ({"operation": "zap", "state": "munmap"}, AnswerClass.ORDER_0, AnswerClass.TIME),
        ({"strategy": "v6.12", "operation": "mprotect"}, AnswerClass.OTHER, AnswerClass.UNCOMPARED),
    ],
)
def test_answers_have_classes(
    asked: dict[str, object], change: AnswerClass, time: AnswerClass
) -> None:
    workload = api.cell("xeon-4210r", **({"strategy": "v6.7"} | asked)).workload  # type: ignore[arg-type]
    assert (change_of(workload), time_of(workload, compared=True)) == (change, time)
    assert time_of(workload, compared=False) is AnswerClass.UNCOMPARED


def test_every_class_has_a_size() -> None:
    sizes = [size_pct(answer) for answer in AnswerClass]
    assert all(0 < size < 100 for size in sizes)
    assert size_pct(AnswerClass.ORDER_0) < size_pct(AnswerClass.LARGE) < size_pct(AnswerClass.OTHER)


def test_half_widths_add_as_squares() -> None:
    low, high = widened((-0.03, 0.0), AnswerClass.LARGE)
    size = math.log1p(size_pct(AnswerClass.LARGE) / 100)
    assert (low, high) == pytest.approx((-math.hypot(0.03, size), size))


def test_what_is_common_to_two_times_has_no_error() -> None:
    low, high = widened((0.0, 0.0), AnswerClass.OTHER, part=0.25)
    assert high == pytest.approx(0.25 * math.log1p(size_pct(AnswerClass.OTHER) / 100))
    assert low == -high and widened((-0.01, 0.02), AnswerClass.OTHER, 0) == (-0.01, 0.02)


def shares(memory: str) -> tuple[float, float]:
    """Return the part of two mprotects that is not common to both, and the loop's part."""
    names, asked = ("folio-batch-v6.17", "v6.12"), {"operation": "mprotect", "memory": memory}
    new, base = (run_cell(api.cell("xeon-4210r", name, **asked), noise=False) for name in names)  # type: ignore[arg-type]
    assert new.part_apart(base) == base.part_apart(new)
    return new.part_apart(base), new.segments_ns_per_pte["change"] / new.ns_per_pte


def test_entry_and_exit_of_a_short_call_are_common_to_both() -> None:
    """Most of an mprotect of four pages is that, and nearly nothing of one of a gigabyte."""
    for memory, most in (("16 KiB", 0.25), ("1 GiB", 1.0)):
        apart, loop = shares(memory)
        assert apart == pytest.approx(loop, rel=0.15) and most - 0.25 < apart < most


def test_times_of_a_changed_machine_were_never_compared() -> None:
    cell = api.cell("xeon-4210r", "v6.7")
    changed = cell.machine.with_value("atomics.locked_cycles", 19.0)
    assert is_compared(cell.machine, cell.workload)
    assert not is_compared(changed, cell.workload)
    assert not is_compared(load_machine("graviton3"), cell.workload)


@pytest.mark.parametrize(
    "more",
    [
        {"state": "read-only"},
        {"vmas": 10000},
        {"holes": 0.75},
        {"folio_orders": {9: 1.0}, "mapped": "pmd"},
        {"cpus": 8},
    ],
)
def test_times_of_a_kind_that_nobody_published_were_never_compared(more: dict[str, Any]) -> None:
    cell = api.cell("xeon-4210r", "v6.7")
    workload = Workload.model_validate(cell.workload.model_dump() | more)
    assert not is_compared(cell.machine, workload)
    assert roles_of_times(cell.machine, "fork")
