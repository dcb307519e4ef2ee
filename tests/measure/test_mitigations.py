"""What returns cost in the running kernel, from what the system says and what thunks take."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from costmodel.code.uops import Kind, Subkind, Uop, call, ret
from costmodel.config.machine import load_machine
from costmodel.measure.experiment import Series
from costmodel.measure.readings.mitigations import numbers
from costmodel.measure.readings.number import Taken
from costmodel.measure.suite import Plan
from tests.cpu.build import cycles as core_cycles
from tests.cpu.build import machine

TIMES = {
    "call and return": 4.0,
    "call and safe return": 29.0,
    "call and aligned return": 5.5,
    "mispredict": 9.5,
    "predicted": 1.0,
}
"""A mispredict takes 2 * (9.5 - 1) - 1 = 16 cycles."""


def found(**vulnerabilities: str) -> Mapping[str, float | bool]:
    series = {name: Series([[each] * 8], [[each] * 8]) for name, each in TIMES.items()}
    return {each.key: each.value for each in numbers(Taken(series, Plan()), vulnerabilities)}


@pytest.mark.parametrize(
    ("said", "mispredicts", "cycles"),
    [
        ("Mitigation: Safe RET", True, 9.0),
        ("Mitigation: untrained return thunk; SMT vulnerable", True, 9.0),
        ("Mitigation: Aligned branch/return thunks", False, 1.5),
        ("Not affected", False, 0.0),
    ],
)
def test_a_return_costs_what_its_thunk_takes(said: str, mispredicts: bool, cycles: float) -> None:
    of_machine = found(spectre_v2="Mitigation: Retpolines", one=said)
    assert of_machine["mitigations.returns_mispredict"] is mispredicts
    assert of_machine["mitigations.return_cycles"] == pytest.approx(cycles)


@pytest.mark.parametrize(
    ("of", "said"),
    [
        ("retbleed", "Mitigation: Stuffing"),
        ("indirect_target_selection", "Mitigation: Retpolines, Stuffing RSB"),
    ],
)
def test_a_thunk_that_nobody_timed_tells_no_cycles(of: str, said: str) -> None:
    assert found(spectre_v2="Mitigation: Retpolines", **{of: said}) == {
        "mitigations.returns_mispredict": False
    }


@pytest.mark.parametrize(
    ("said", "cycles"),
    [("Mitigation: Retpolines; IBPB: conditional", 27.0), ("Mitigation: Enhanced IBRS", 0.0)],
)
def test_an_indirect_call_costs_what_a_retpoline_takes(
    said: str, cycles: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TIMES, "retpoline and return", 30.0)
    assert found(spectre_v2=said)["mitigations.indirect_cycles"] == pytest.approx(cycles)


@pytest.mark.parametrize("call_return_cycles", [2.0, 3.0, 4.0])
def test_the_core_takes_as_long_as_the_retpoline_that_was_measured(
    call_return_cycles: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read off the times of a core is the number that it was given."""
    on = machine(
        load_machine("epyc-milan"),
        mitigations__returns_mispredict=False,
        mitigations__return_cycles=0.0,
        core__call_return_cycles=call_return_cycles,
    )
    through = Uop(Kind.CALL, Subkind.INDIRECT)
    for name, called in {"call and return": call(), "retpoline and return": through}.items():
        monkeypatch.setitem(TIMES, name, core_cycles([called, ret()] * 200, on) / 200)
    read = found(spectre_v2="Mitigation: Retpolines")["mitigations.indirect_cycles"]
    assert read == pytest.approx(on.mitigations.indirect_cycles.value, abs=0.05)


def test_a_system_that_says_nothing_tells_nothing() -> None:
    assert found() == {}
