"""Which rule a CPU's locked operations follow, from how they take time beside other work."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from costmodel.measure.experiment import Series
from costmodel.measure.readings.atomics import numbers
from costmodel.measure.readings.number import Taken
from costmodel.measure.suite import Plan

PLAN = Plan()
L1_RING = f"chase {PLAN.l1_bytes // 2}"
RAPTOR_COVE = {
    "lock": 18.0,
    "adds": 0.2,
    "lock + 40 adds": 23.25,
    "lock + 80 adds": 28.25,
    "lock + load chain of 4": 20.3,
    L1_RING: 5.0,
}
"""A guest of a Xeon of Emerald Rapids, 2026-11-29."""
ZEN_5 = {
    "lock": 20.0,
    "adds": 0.194,
    "lock + 40 adds": 21.5,
    "lock + 80 adds": 26.5,
    "lock + load chain of 4": 20.0,
    L1_RING: 4.0,
}
ZEN_3 = {
    "lock": 7.0,
    "adds": 0.26,
    "lock + 40 adds": 11.6,
    "lock + 80 adds": 21.5,
    "lock + load chain of 4": 17.3,
    L1_RING: 4.0,
}
"""Of loops/data/zen3.yaml: the least of each form."""


def found(cycles: Mapping[str, float]) -> dict[str, float | bool]:
    series = {name: Series([[each] * 8], [[each] * 8]) for name, each in cycles.items()}
    return {number.key: number.value for number in numbers(Taken(series, PLAN), "x86_64")}


@pytest.mark.parametrize(("cpu", "retires"), [(RAPTOR_COVE, 18.25), (ZEN_5, 16.5)])
def test_what_retires_behind_a_locked_operation_adds_to_it(
    cpu: Mapping[str, float], retires: float
) -> None:
    core = found(cpu)
    assert core["atomics.locked_alone"] is False
    assert core["atomics.locked_oldest"] is True
    assert core["atomics.locked_retires_cycles"] == pytest.approx(retires)
    assert core["core.retire_width"] == pytest.approx(8)


def test_what_runs_beneath_a_locked_operation_adds_nothing() -> None:
    core = found(ZEN_3)
    assert (core["atomics.locked_alone"], core["atomics.locked_oldest"]) == (False, False)
    assert "atomics.locked_retires_cycles" not in core


def test_loads_that_wait_for_a_locked_operation_tell_that_it_is_alone() -> None:
    core = found(RAPTOR_COVE | {"lock + load chain of 4": 38.0})
    assert core["atomics.locked_alone"] is True
    assert "atomics.locked_oldest" not in core
