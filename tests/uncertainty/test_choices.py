"""Whatever a machine file only infers is in the intervals, or moves no time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from costmodel import api
from costmodel.config.machine import Machine, load_machine
from costmodel.config.parameter import Choice, ParameterLike
from costmodel.config.resources import names
from costmodel.experiment import exact_seconds
from costmodel.uncertainty.choices import (
    CHOICES,
    DOUBT,
    SHAPING_CHOICES,
    as_number,
    doubtful_choices,
    other_value,
)
from costmodel.uncertainty.sampling import SAMPLES, SHAPING, drawn_machines

ASKED = (("fork", "v6.7"), ("zap", "v6.7"), ("mprotect", "v6.12"))


def is_inferred(parameter: ParameterLike) -> bool:
    """Tell whether somebody chose it without a source, rather than the schema that leaves it out.

    What a file does not state is a mechanism that the machine is modelled without.
    """
    stated = not parameter.source.startswith(("not stated", "not used"))
    return parameter.kind == "inferred" and stated


def held(machine: Machine) -> dict[str, ParameterLike]:
    """Return what is inferred and the same on all machines drawn."""
    drawn = drawn_machines(machine, many_cpus=True)
    return {
        key: p
        for key, p in machine.parameters.items()
        if is_inferred(p) and len({each.parameters[key].value for each in drawn}) == 1
    }


def moved(parameter: ParameterLike) -> Any:
    """Return another value than the machine's: the end of the range that is further away."""
    if isinstance(parameter, Choice):
        return not parameter.value
    low, high = parameter.low, parameter.high
    ends = (low, high) if low < high else (parameter.value + type(parameter.value)(1),)
    return max(ends, key=lambda end: abs(end - parameter.value))


@pytest.mark.parametrize("name", names("machines"))
def test_what_is_inferred_and_not_drawn_moves_no_time(name: str) -> None:
    machine = load_machine(name)
    others = machine.with_values({key: moved(p) for key, p in held(machine).items()})
    assert others.changes, "sizes of noise are inferred everywhere"
    for operation, strategy in ASKED:
        cell = api.cell(name, strategy, operation=operation, memory="16 MiB")
        assert exact_seconds(replace(cell, machine=others)) == exact_seconds(cell), held(machine)


@pytest.mark.parametrize("name", names("machines"))
def test_a_share_of_the_machines_drawn_has_the_other_choice(name: str) -> None:
    machine = load_machine(name)
    drawn = drawn_machines(machine)
    for key in CHOICES:
        if key not in machine.parameters:
            continue
        own = machine.parameters[key].value
        others = [each.parameters[key].value for each in drawn if each.parameters[key].value != own]
        assert set(others) <= {other_value(key, own)}
        expected = DOUBT * SAMPLES if key in doubtful_choices(machine) else 0
        assert abs(len(others) - expected) < 1, key


def test_a_choice_of_this_run_is_known() -> None:
    machine = load_machine("graviton3")
    for key in doubtful_choices(machine):
        chosen = machine.with_value(key, machine.parameters[key].value)
        assert key not in doubtful_choices(chosen)


def test_loaded_lines_matter_where_atomics_are_far() -> None:
    near = load_machine("graviton3").with_value("atomics.far", False)
    assert "atomics.near_when_loaded" not in doubtful_choices(near)


@pytest.mark.parametrize("name", ["graviton3", "graviton4", "ampereone"])
def test_far_and_near_atomics_are_never_wrong_together(name: str) -> None:
    """Whether lines that were loaded are near matters only where atomics are far."""
    machine = load_machine(name)
    others = [
        {number for number, each in enumerate(drawn_machines(machine))
         if each.parameters[key].value != machine.parameters[key].value}
        for key in ("atomics.far", "atomics.near_when_loaded")
    ]  # fmt: skip
    assert others[0] and others[1] and not others[0] & others[1]


def test_choices_that_shape_a_program_need_no_more_programs() -> None:
    """They have their other values on machines that need programs of their own already."""
    machine = load_machine("ampereone")
    drawn = drawn_machines(machine)
    shapes = {
        tuple(each.parameters[key].value for key in (*SHAPING, *SHAPING_CHOICES)) for each in drawn
    }
    assert len(shapes) <= 7


def test_two_values_of_a_choice_are_two_numbers() -> None:
    for key, own in (("atomics.far", True), ("caches.l2.replacement", "lru")):
        assert {as_number(own), as_number(other_value(key, own))} == {0, 1}
        assert other_value(key, other_value(key, own)) == own
