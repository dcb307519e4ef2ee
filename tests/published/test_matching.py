"""What published rows say beside each other: ranges over builds, and what was compared."""

from __future__ import annotations

import pytest

from costmodel import api
from costmodel.config.machine import load_machine
from costmodel.config.workload import Workload
from costmodel.published import half_range_pct, is_compared, least_half_range_pct

KINDS: dict[str, tuple[str, str | None]] = {
    "fork": ("v6.7", None),
    "zap": ("v6.7", "munmap"),
    "mprotect": ("v6.12", None),
}
"""A strategy of each operation, and the state that times were published of."""


def workload_of(machine: str, operation: str) -> Workload:
    strategy, state = KINDS[operation]
    return api.cell(machine, strategy, operation=operation, state=state).workload


def test_half_of_a_range_over_builds() -> None:
    """T15a: v6.7 on the M2 took from 2.9 % less to 15.2 % more in other builds; its is the median
    of the three strategies that several builds were published of."""
    assert half_range_pct("apple-m2-vm", "fork", 0) == pytest.approx((15.2 + 2.9) / 2)


def test_rows_that_differ_without_another_build_are_no_range() -> None:
    """Of arch-batch-const1 on the Altra two changes were published, -0.1 and -3.2 %."""
    assert half_range_pct("ampere-altra", "zap", 9) is None


def test_the_least_range_of_several_machines() -> None:
    altra = half_range_pct("ampere-altra", "fork", 9)
    assert altra is not None
    assert least_half_range_pct(["xeon-4210r", "ampere-altra"], "fork", 9) == altra
    assert least_half_range_pct(["xeon-4210r"], "fork", 9) == 0


@pytest.mark.parametrize(
    ("machine", "operation", "compared"),
    [
        ("xeon-4210r", "zap", True),  # T16: checked, not fitted
        ("apple-m2-vm", "fork", True),
        ("ampere-altra", "fork", False),  # changes alone were published
        ("core-i7-14700", "mprotect", False),  # reports of whole runs
    ],
)
def test_reports_alone_are_no_comparison(machine: str, operation: str, compared: bool) -> None:
    assert is_compared(load_machine(machine), workload_of(machine, operation)) is compared


def test_a_machine_with_other_numbers_was_not_compared() -> None:
    changed = load_machine("xeon-4210r").with_value("core.clock_ghz", 2.0)
    workload = workload_of("xeon-4210r", "zap")
    assert is_compared(load_machine("xeon-4210r"), workload)
    assert not is_compared(changed, workload)
