"""Memory patterns against those measured on a Zen 3 and a Raptor Cove."""

from __future__ import annotations

import pytest

from costmodel.config.machine import load_machine
from tests.loops.patterns import PatternTime, measured, pattern_ns

MILAN = load_machine("epyc-milan")
MIB = 1 << 20
RAPTOR_COVE = load_machine("sapphire-rapids").with_values({"core.clock_ghz": 1.0})
"""Nanoseconds are cycles, which is what was measured."""
# Three locked operations and a chain over 2 MiB: neighbours drive lines out of the L3 before their
# next visit (docs/loops.md).
MISSED = {("chase +3", 2 * MIB)}


def _limit(case: PatternTime) -> float:
    return 1.4 if case.region_bytes <= 2 * MIB else 1.5


@pytest.mark.parametrize(
    "case",
    [case for case in measured("zen3") if (case.pattern, case.region_bytes) not in MISSED],
    ids=lambda case: f"{case.pattern}, {case.region_bytes >> 10} KiB",
)
def test_patterns_of_hardware_are_met(case: PatternTime) -> None:
    """Between the 10th percentile and the median, within a factor."""
    predicted = pattern_ns(case.pattern, case.region_bytes, MILAN)
    limit = _limit(case)
    assert case.p10_ns / limit <= predicted <= case.median_ns * limit


@pytest.mark.parametrize(
    "case",
    measured("raptor_cove"),
    ids=lambda case: f"{case.pattern}, {case.region_bytes >> 10} KiB",
)
def test_lines_that_are_written_go_back(case: PatternTime) -> None:
    """One price gives the times with none, some and all lines written."""
    predicted = pattern_ns(case.pattern, case.region_bytes, RAPTOR_COVE)
    assert case.p10_ns / 1.2 <= predicted <= case.median_ns * 1.2


def test_stores_take_miss_registers() -> None:
    few = MILAN.with_values({"caches.miss_registers": 5})
    one, other = (pattern_ns("rnd store +1", 64 * MIB, machine) for machine in (MILAN, few))
    assert 12 < one < 20 and other > 1.8 * one


def test_lines_in_no_order_have_a_rate() -> None:
    slow = MILAN.with_values({"caches.l2.cycles_per_line": 12.0})
    times = [pattern_ns("rnd load +0", 256 << 10, machine) for machine in (MILAN, slow)]
    assert times[1] == pytest.approx(12 / 3.0, rel=0.05) and times[0] < 1.3
