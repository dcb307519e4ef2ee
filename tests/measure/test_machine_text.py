"""A machine file of measured numbers: what contradicts itself or physics is kept instead."""

from dataclasses import replace

import pytest

from costmodel.config.machine import load_machine
from costmodel.measure.machine_text import Made, machine_text
from costmodel.measure.readings import Number

ZEN5 = load_machine("epyc-zen5")


def made(*numbers: Number) -> Made:
    return machine_text(numbers, ZEN5, name="mine", title='A "quoted" title', origin="origin")


LATENCY = Number("caches.l2.latency_cycles", 13.98765, 13.9, 14.1, "a ring")


def test_a_measured_number_is_written_with_what_was_seen() -> None:
    found = made(LATENCY)
    parameter = found.machine.parameters["caches.l2.latency_cycles"]
    assert (parameter.low, parameter.value, parameter.high) == (13.9, 13.99, 14.1)
    assert (parameter.kind, parameter.source) == ("measured", "origin: a ring")
    assert found.measured == ("caches.l2.latency_cycles",)


def test_the_rest_is_kept_and_says_from_where() -> None:
    found = made(LATENCY)
    for key in found.kept:
        kept, before = found.machine.parameters[key], ZEN5.parameters[key]
        assert kept.value == before.value
        assert kept.source == f"kept from epyc-zen5: {before.source}"
    assert len(found.kept) == len(ZEN5.parameters) - 1


def test_what_was_fitted_to_another_machine_is_inferred_here() -> None:
    altra = load_machine("ampere-altra")
    found = machine_text([], altra, name="mine", title="Mine", origin="origin").machine
    assert "fitted" in {each.kind for each in altra.parameters.values()}
    assert "fitted" not in {each.kind for each in found.parameters.values()}
    assert found.fit is None


def test_counts_are_whole_and_their_interval_holds_what_was_seen() -> None:
    parameter = made(Number("core.alu_ports", 3.7, 3.6, 3.8, "adds")).machine.core.alu_ports
    assert (parameter.low, parameter.value, parameter.high) == (3, 4, 4)


def test_a_size_keeps_every_byte() -> None:
    size = 12345 * 1024
    found = made(Number("caches.llc.size_bytes", size, size, 2 * size, "a ring"))
    assert found.machine.caches.llc.size_bytes.value == size
    assert "12345 KiB" in found.text


def test_a_number_that_contradicts_another_is_refused_and_said() -> None:
    slow = Number("caches.l1.latency_cycles", 50, 50, 50, "a ring")
    found = made(slow, Number("core.width", 8, 8, 8, "NOPs"))
    assert found.refused["caches.l1.latency_cycles"].startswith("must be below")
    assert found.machine.caches.l1.latency_cycles.value == 4
    assert found.measured == ("core.width",)


def test_a_number_beyond_physics_is_refused() -> None:
    found = made(replace(LATENCY, value=500, high=500))
    assert "must lie between" in found.refused["caches.l2.latency_cycles"]


def test_an_interval_beyond_physics_is_cut() -> None:
    found = made(replace(LATENCY, high=5000))
    assert found.machine.caches.l2.latency_cycles.high == 200


def test_a_number_that_no_file_has_is_left_out() -> None:
    found = made(Number("core.colour", 1, 1, 1, "a look"))
    assert found.measured == () and found.refused == {}


def test_lines_are_as_wide_as_those_of_shipped_files() -> None:
    assert max(map(len, made(LATENCY).text.splitlines())) <= 100


@pytest.mark.parametrize("value", [True, False])
def test_a_choice_is_yes_or_no(value: bool) -> None:
    found = made(Number.choice("core.eliminates_moves", value, "a chain"))
    assert found.machine.core.eliminates_moves.value is value
