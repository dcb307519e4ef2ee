"""Numbers from the system: ticks are the gaps that come at one time of every period."""

from dataclasses import replace

import pytest

from costmodel.measure.readings.said import numbers
from costmodel.measure.session import Session
from costmodel.measure.system import read_system

SYSTEM = replace(read_system(), cpus=2, tick_hz=250.0, vulnerabilities={})
PERIOD = 4e6


def session(*gaps: tuple[float, float]) -> Session:
    return Session("2026-11-28", 1, (0.1, 0.1), gaps=[sorted(gaps)], gaps_ns=1e9, steal_pct=0.0)


def found(measured: Session) -> dict[str, tuple[float, float, float]]:
    return {each.key: (each.low, each.value, each.high) for each in numbers(measured, SYSTEM)}


def ticks(count: int = 250) -> list[tuple[float, float]]:
    return [(1e5 + n * PERIOD + 50 * (n % 7), 2000.0 + n % 10) for n in range(count)]


def test_a_tick_is_what_comes_as_often_as_ticks_do() -> None:
    others = [(n * 777_777.0, 900.0) for n in range(1200)]
    low, value, high = found(session(*ticks(), *others))["kernel.tick_us"]
    assert value == pytest.approx(2.0, abs=0.02)
    assert low <= value <= high < 2.1


def test_ticks_after_which_another_process_ran_do_not_count() -> None:
    disturbed = [(start, 4e6 if n % 3 else length) for n, (start, length) in enumerate(ticks())]
    assert found(session(*disturbed))["kernel.tick_us"][2] < 2.1


def test_too_few_ticks_are_none() -> None:
    assert "kernel.tick_us" not in found(session(*ticks(20)))
    assert "kernel.tick_us" not in found(session())


def test_a_busy_machine_shows_its_ticks_in_the_time_it_leaves() -> None:
    # For three quarters of the second another process ran, ever for five ticks and more.
    away = [(1e5 + n * 40 * PERIOD + 10 * PERIOD, 30 * PERIOD) for n in range(6)]
    seen = [tick for tick in ticks() if not any(a <= tick[0] < a + length for a, length in away)]
    low, value, high = found(session(*seen, *away))["kernel.tick_us"]
    assert low <= value <= high < 2.1
    assert "kernel.tick_us" not in found(session(*seen[:9], *away))


def test_ticks_of_several_rounds_are_counted_together() -> None:
    rounds = [[(start + shift, length) for start, length in ticks(30)] for shift in (0, 1.3e6)]
    both = replace(session(), gaps=rounds, gaps_ns=2 * 30 * PERIOD)
    assert found(both)["kernel.tick_us"][1] == pytest.approx(2.0, abs=0.02)


def test_no_steal_is_measured_and_some_is_not() -> None:
    assert found(session())["noise.vm_steal.rate_hz"] == (0, 0, 0)
    assert "noise.vm_steal.rate_hz" not in found(replace(session(), steal_pct=2.0))
