"""Fetch: taken branches, calls and returns, small loops, mitigations."""

from __future__ import annotations

import pytest

from costmodel.code.uops import Kind, Subkind, Uop, branch, call, ret
from costmodel.config.machine import Machine, load_machine
from costmodel.config.scenario import Scenario
from costmodel.loops.form import InstructionGroup, Loop
from costmodel.loops.price import price_loop
from costmodel.plan import plan

from .build import XEON, machine
from .build import cycles as of_uops

MILAN = load_machine("epyc-milan")
BASE = machine(XEON, core__fetch_width=4, core__small_loop_entries=0, core__branch_ports=4)


def cycles(on: Machine, *ops: tuple[str, int], form: str = "independent") -> float:
    groups = tuple(InstructionGroup(kind, count, form, "") for kind, count in ops)
    loop = Loop.model_construct(name="loop", ops=groups, repeat=1, cycles=None)
    return price_loop(loop, on).predicted_cycles


@pytest.mark.parametrize("rate", [0.33, 0.5, 0.8, 1.0])
def test_taken_branches_come_at_their_rate(rate: float) -> None:
    """The loop's own branch is one more."""
    on = machine(BASE, core__taken_branches_per_cycle=rate)
    assert cycles(on, ("jump", 7)) == pytest.approx(8 / rate, rel=0.03)


def test_a_small_loop_is_not_fetched_again() -> None:
    slow = machine(BASE, core__taken_branches_per_cycle=0.25)
    small = machine(
        slow, core__small_loop_entries=64, core__small_loop_taken_branches_per_cycle=64.0
    )
    body = ("jump", 2), ("add", 20)
    assert cycles(slow, *body) > 12 > 7 > cycles(small, *body)
    assert cycles(small, ("jump", 2), ("add", 100)) == cycles(slow, ("jump", 2), ("add", 100))


@pytest.mark.parametrize(
    ("jumps", "measured"), [(16, 0.65), (32, 0.65), (64, 0.9), (96, 1.35), (128, 1.75), (256, 2.0)]
)
def test_a_first_level_of_targets_forgets_them_little_by_little(
    jumps: int, measured: float
) -> None:
    """Measured on a Raptor Cove, 64 bytes apart, on the day on which 96 were halfway to slow."""
    on = machine(load_machine("sapphire-rapids"), core__branch_targets=48)
    assert cycles(on, ("jump", jumps)) / (jumps + 1) == pytest.approx(measured, rel=0.17)


@pytest.mark.parametrize(("others", "expected"), [(15, 15 + 40), (40, 41 * 3.25 + 39)])
def test_what_counts_is_how_many_others_were_taken(others: int, expected: float) -> None:
    """Not how often: an inner loop of 40 turns is one other branch. 41 of them are three quarters
    of the way from 16, which are all held, to 48."""
    on = machine(
        BASE,
        core__branch_targets=16,
        core__small_loop_taken_branches_per_cycle=1.0,
        core__taken_branches_per_cycle=0.25,
    )
    outer = [branch(f"{number}", taken=True) for number in range(others)]
    body = [*outer, *[branch("inner", taken=True)] * 40]
    assert of_uops(body * 30, on) / 30 == pytest.approx(expected, rel=0.02)


def test_fetch_runs_ahead_by_its_queue() -> None:
    """While a chain fills the reorder buffer, jumps behind it are fetched as far as it reaches."""
    slow = machine(
        BASE,
        core__taken_branches_per_cycle=0.25,
        core__rob_entries=16,
        core__load_queue_entries=16,
        core__store_queue_entries=16,
    )
    times = [
        cycles(
            machine(slow, core__fetch_queue_entries=entries), ("add", 40), ("jump", 6), form="chain"
        )
        for entries in (2, 8, 64)
    ]
    assert times == pytest.approx([51, 45, 40], abs=1)


def test_fetch_begins_again_after_a_redirect() -> None:
    """What was fetched behind a mispredicted return is lost: the penalty hides no fetch."""
    on = machine(BASE, mitigations__returns_mispredict=True, core__fetch_queue_entries=64)
    body = ("return", 1), ("add", 20)
    fast, slow = (cycles(machine(on, core__fetch_width=width), *body) for width in (64, 1))
    assert on.core.mispredict_penalty_cycles.value > 12
    assert slow - fast > 12


def test_calls_and_returns_have_a_price() -> None:
    on = machine(BASE, core__taken_branches_per_cycle=1.0, core__call_return_cycles=3.0)
    assert cycles(on, ("call", 4), ("return", 4)) == pytest.approx(8 * 3 + 1, rel=0.03)


def test_a_return_that_mispredicts_costs_the_penalty() -> None:
    on = machine(BASE, core__taken_branches_per_cycle=1.0, mitigations__returns_mispredict=True)
    plain = cycles(machine(BASE, core__taken_branches_per_cycle=1.0), ("return", 1))
    penalty = on.core.mispredict_penalty_cycles.value
    assert cycles(on, ("return", 1)) == pytest.approx(plain + penalty, abs=3)


def test_a_thunk_costs_its_fetch_cycles() -> None:
    plain = machine(BASE, core__taken_branches_per_cycle=1.0)
    thunk = machine(plain, mitigations__return_cycles=4.0)
    assert cycles(thunk, ("return", 3)) == pytest.approx(cycles(plain, ("return", 3)) + 12, abs=1)


@pytest.mark.parametrize(("through", "expected"), [(False, 4.0), (True, 30.1)])
def test_an_indirect_call_through_a_retpoline_costs_what_was_measured(
    through: bool, expected: float
) -> None:
    """A Zen 3 took 29.9 to 30.4 cycles for one and a plain return, 4.1 to 5.3 without a thunk."""
    on = machine(MILAN, mitigations__returns_mispredict=False, mitigations__return_cycles=0.0)
    on = on if through else on.without_mitigations()
    called = Uop(Kind.CALL, Subkind.INDIRECT)
    assert of_uops([called, ret()] * 50, on) / 50 == pytest.approx(expected, rel=0.03)
    assert of_uops([call(), ret()] * 50, on) / 50 == pytest.approx(4.0, rel=0.03)


@pytest.mark.parametrize("name", ["xeon-4210r", "epyc-zen5", "ampere-altra"])
def test_an_indirect_call_of_a_core_without_retpolines_is_a_call(name: str) -> None:
    on = load_machine(name)
    indirect, direct = (Uop(Kind.CALL, subkind) for subkind in (Subkind.INDIRECT, Subkind.PLAIN))
    assert of_uops([indirect, ret()] * 50, on) == of_uops([direct, ret()] * 50, on)


@pytest.mark.parametrize("cycles_of_thunk", [0.5, 5.0, 7.0])
def test_a_thunk_is_not_hidden_by_its_mispredict(cycles_of_thunk: float) -> None:
    """The thunk runs before its return: the penalty comes on top."""
    on = machine(BASE, mitigations__returns_mispredict=True, core__taken_branches_per_cycle=1.0)
    thunk = machine(on, mitigations__return_cycles=cycles_of_thunk)
    for body in ([("return", 1)], [("call", 1), ("return", 1)], [("return", 1), ("add", 40)]):
        more = cycles(thunk, *body) - cycles(on, *body)
        assert more == pytest.approx(cycles_of_thunk, abs=0.25), body


def test_a_kernel_without_mitigations_returns_freely() -> None:
    scenario = Scenario.model_validate(
        {
            "title": "mitigations",
            "operation": "zap",
            "memory": "2 MiB",
            "machines": ["epyc-milan"],
            "folio_orders": [0],
            "baseline": "v6.7",
            "strategies": ["v6.7"],
            "mitigations": "off",
        }
    )
    on = machine(XEON, mitigations__returns_mispredict=True)
    (cell,) = plan(scenario, {"xeon": on}).cells
    assert not cell.machine.mitigations.returns_mispredict.value
    (cell,) = plan(scenario.replace({"mitigations": "auto"}), {"xeon": on}).cells
    assert cell.machine.mitigations.returns_mispredict.value
