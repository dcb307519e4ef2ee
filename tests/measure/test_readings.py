"""What a kernel's times say of the core that ran it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from costmodel.code.uops import Kind, Uop, call, ret
from costmodel.config.machine import Machine, load_machine
from costmodel.loops.form import Loop
from costmodel.loops.price import price_loop
from costmodel.measure.experiment import Series
from costmodel.measure.readings import caches
from costmodel.measure.readings.core import numbers
from costmodel.measure.readings.number import Taken
from costmodel.measure.suite import JUMPS, Plan, counts
from tests.cpu.build import cycles as core_cycles

MILAN = load_machine("epyc-milan")


def found(cycles: Mapping[str, float]) -> dict[str, float | bool]:
    """Return the numbers that follow from the cycles of each kernel."""
    series = {name: Series([[each] * 8], [[each] * 8]) for name, each in cycles.items()}
    return {number.key: number.value for number in numbers(Taken(series, Plan()))}


@pytest.mark.parametrize(
    ("apart", "behind", "shares", "fuses"),
    [(1.1, 0.86, True, True), (1.1, 1.1, True, False), (0.83, 0.83, False, None)],
)
def test_branches_beside_additions(
    apart: float, behind: float, shares: bool, fuses: bool | None
) -> None:
    """Of a core with five integer ports, eight micro-ops wide; the first is a Zen 5."""
    kernels = {"additions, load, branch": apart, "additions, branch": behind}
    core = found({"adds": 0.2, "nops": 0.125} | kernels)
    assert core["core.branches_take_alu_ports"] is shares
    assert core.get("core.fuses_arithmetic_branch") is fuses


def test_stores_leave_at_a_rate_to_one_line_and_to_others() -> None:
    """Of a Raptor Cove."""
    core = found({"stores": 0.5, "stores to lines": 1.0})
    assert (core["core.store_commit_cycles"], core["core.store_line_commit_cycles"]) == (0.5, 1.0)


@pytest.mark.parametrize(("call_return", "jumps"), [(2.0, 1.6), (1.4, 0.5), (0.0, 1.0)])
def test_a_call_takes_as_long_as_was_measured(call_return: float, jumps: float) -> None:
    """What is read off the times of a core gives these times again, however fast jumps are."""

    def times(machine: Machine) -> dict[str, float]:
        pair, one = (
            core_cycles(body * 200, machine) / 200 for body in ([call(), ret()], [Uop(Kind.JUMP)])
        )
        return {"call and return": pair, **{f"{n} jumps": one for n in JUMPS}}

    on = MILAN.without_mitigations().with_values(
        {"core.call_return_cycles": call_return, "core.taken_branches_per_cycle": jumps}
    )
    measured = times(on)
    again = times(on.with_values(found(measured)))
    assert again == pytest.approx(measured, rel=0.02)


RAPTOR_COVE = {8: 0.65, 16: 0.65, 32: 0.65, 64: 0.9, 96: 1.35, 128: 1.75, 192: 2.0, 256: 2.0}
"""Cycles of a taken branch by how many jumps are in the loop (docs/loops.md)."""


def test_branches_that_many_others_separate_are_slower() -> None:
    core = found({f"{n} jumps": cycles for n, cycles in RAPTOR_COVE.items()})
    assert core["core.branch_targets"] == pytest.approx(48, abs=2)
    assert core["core.taken_branches_per_cycle"] == pytest.approx(0.5)
    assert core["core.small_loop_taken_branches_per_cycle"] == pytest.approx(1 / 0.65)


def test_branches_that_are_all_as_fast_have_one_level() -> None:
    """Of a Zen 5."""
    core = found({f"{n} jumps": 0.53 + 0.0001 * n for n in JUMPS})
    assert core["core.branch_targets"] == 0
    assert core["core.taken_branches_per_cycle"] == pytest.approx(1 / 0.53, rel=0.01)
    assert "core.small_loop_taken_branches_per_cycle" not in core


@pytest.mark.parametrize("entries", [16, 50, 96])
def test_what_is_read_off_a_core_is_the_size_that_it_has(entries: int) -> None:
    on = MILAN.with_values(
        {
            "core.branch_targets": entries,
            "core.small_loop_taken_branches_per_cycle": 1.6,
            "core.taken_branches_per_cycle": 0.5,
        }
    )
    loops = {n: Loop(name="jumps", ops=[["jump", n, "independent"]]) for n in JUMPS}
    core = found(
        {f"{n} jumps": price_loop(one, on).predicted_cycles / (n + 1) for n, one in loops.items()}
    )
    assert core["core.branch_targets"] == pytest.approx(entries, rel=0.1)


@pytest.mark.parametrize("cycles", [1.0, 0.9999, 0.8, 6.0])
def test_forwarding_takes_no_negative_time(cycles: float) -> None:
    """A Raptor Cove forwards in no time; then a clock that drifts leaves a little less."""
    series = {"forward any base": Series([[cycles] * 8], [[cycles] * 8])}
    (number,) = numbers(Taken(series, Plan()))
    assert 0 <= number.low <= number.value <= number.high
    assert number.value == pytest.approx(max(cycles - 1, 0))


def test_a_narrow_core_does_not_tell() -> None:
    """Four micro-ops a cycle and four integer ports: six micro-ops take 1.5 cycles either way."""
    kernels = {"additions, load, branch": 1.5, "additions, branch": 1.25}
    assert "core.branches_take_alu_ports" not in found({"adds": 0.25, "nops": 0.25} | kernels)


@pytest.mark.parametrize(("entries", "calls"), [(61, 60), (29, 28)])
def test_misses_stop_to_overlap_where_calls_do_not_fit(entries: int, calls: int) -> None:
    """Each call and its return take an entry; more time passes with more of them, too."""
    times = {n: (700 if 2 * n < entries else 1300) + 4 * n for n in counts("calls")}
    core = found({f"{n} calls between misses": time for n, time in times.items()})
    assert core["core.calls_in_flight"] == pytest.approx(calls, rel=0.1)


def test_misses_that_always_overlap_tell_no_limit() -> None:
    assert found({f"{n} jumps between misses": 700 + n for n in counts("jumps")}) == {}


def test_what_takes_as_long_as_both_misses_tells_no_limit() -> None:
    """Two cycles a jump: from 75 jumps on their own time is more than that of the misses."""
    times = {n: max(300.0, 4.0 * n) for n in counts("jumps")}
    assert max(times.values()) > 3 * min(times.values())
    assert found({f"{n} jumps between misses": time for n, time in times.items()}) == {}


def test_a_sample_that_was_disturbed_is_no_limit() -> None:
    times = {n: 700.0 + n for n in counts("jumps")}
    slow = {n: time + 700 for n, time in times.items() if n > 90}
    once = {35: times[35] + 600}
    core = found({f"{n} jumps between misses": time for n, time in (times | slow | once).items()})
    assert core["core.branches_in_flight"] == pytest.approx(93, abs=1)


@pytest.mark.parametrize(
    ("read", "changed", "stores", "back"),
    [(1.25, 3.96, 1.0, 2.71), (0.5, 2.1, 2.0, 0.1), (1.3, 1.2, 1.0, 0.0)],
)
def test_what_a_changed_line_takes_more_goes_back(
    read: float, changed: float, stores: float, back: float
) -> None:
    """The first is a Raptor Cove; on the second stores are slow although their lines stay."""
    times = {"lines read": read, "lines changed": changed, "stores to lines": stores}
    taken = Taken(
        {name: Series([[each] * 8], [[each] * 8]) for name, each in times.items()}, Plan()
    )
    of_l2 = {number.key: number.value for number in caches.numbers(taken)}
    assert of_l2 == {
        "caches.l2.cycles_per_line": read,
        "caches.l2.write_back_cycles": pytest.approx(back),
    }
