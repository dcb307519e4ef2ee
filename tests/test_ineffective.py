"""A number that changes nothing is named; one that does is not."""

from __future__ import annotations

import pytest

from costmodel.api import cell
from costmodel.experiment import run_cell
from costmodel.ineffective import ineffective


@pytest.mark.parametrize(
    ("overrides", "noise", "idle"),
    [
        ({"kernel.unmap_call_ns": 3.0}, False, ["kernel.unmap_call_ns=3"]),  # a number of zap
        ({"core.width": 2}, False, []),
        ({"noise.iteration_pct": 9.0}, False, ["noise.iteration_pct=9"]),
        ({"noise.iteration_pct": 9.0}, True, []),
        ({"cpus": 4}, False, []),  # they share caches and locks
        ({"placement": "moving"}, False, ["moving threads"]),  # only for kernels that look at it
        ({"cpus": 4, "between_stdev_pct": 20}, False, ["what lies between varies by 20 %"]),
        ({"contpte": False}, False, []),  # it chooses strategies
    ],
)
def test_what_changes_no_time_is_found(
    overrides: dict[str, bool | int | float | str], noise: bool, idle: list[str]
) -> None:
    asked = cell("xeon-4210r", "v6.7", memory="4 MiB", overrides=overrides, runs=2, iterations=2)
    assert [str(setting) for setting in ineffective([run_cell(asked, noise=noise)])] == idle


def test_the_value_that_the_file_has_changes_nothing() -> None:
    asked = cell("xeon-4210r", "v6.7", memory="2 MiB")
    same = asked.machine.core.width.value
    again = cell("xeon-4210r", "v6.7", memory="2 MiB", overrides={"core.width": same})
    assert [s.key for s in ineffective([run_cell(again, noise=False)])] == ["core.width"]
