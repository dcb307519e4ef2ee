"""A short session on this machine: what comes out is physically possible and makes a file."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from costmodel.config.machine import Machine
from costmodel.measure.experiment import Experiment, Series
from costmodel.measure.kernels import isa_here
from costmodel.measure.likeness import nearest
from costmodel.measure.machine_text import machine_text
from costmodel.measure.readings import Number, numbers_of
from costmodel.measure.session import Session, measure_core, plan_for, steps
from costmodel.measure.suite import Plan, far
from costmodel.measure.system import System, read_system
from costmodel.measure.visited import cpus_to_visit
from costmodel.units import MIB

ISA = isa_here()
CPUS = cpus_to_visit(os.sched_getaffinity(0))
pytestmark = pytest.mark.skipif(ISA is None, reason="no kernels for this instruction set")


@pytest.fixture(scope="module")
def system() -> System:
    return read_system()


@pytest.fixture(scope="module")
def plan(system: System) -> Plan:
    usual = plan_for(system, quick=True)
    return replace(usual, memory_bytes=64 * MIB, rounds=1, samples=4)


def test_an_l2_of_which_memory_is_but_four_times_the_size_leaves_no_larger_ring() -> None:
    assert ISA is not None
    small = Plan(l2_bytes=16 * MIB, memory_bytes=64 * MIB)
    assert small.shared_sizes() == [64 * MIB]
    assert list(far(ISA, small)) == []


@pytest.fixture(scope="module")
def session(plan: Plan) -> Session:
    assert ISA is not None
    seen: list[float] = []
    found = measure_core(ISA, plan, cpus=CPUS, progress=seen.append)
    assert sum(seen) == steps(ISA, plan)
    return found


@pytest.fixture(scope="module")
def numbers(session: Session, plan: Plan, system: System) -> dict[str, Number]:
    return {number.key: number for number in numbers_of(session, plan, system)}


def test_nothing_is_lost(session: Session) -> None:
    assert session.lacking == []


def test_at_least_25_numbers_are_measured(numbers: dict[str, Number]) -> None:
    assert len(numbers) >= 25


def test_an_experiment_that_was_always_disturbed_gives_no_number(
    session: Session, plan: Plan, system: System
) -> None:
    """On a machine that is busy all the time an experiment may end without a sample."""
    for name in session.results:
        results = {**session.results, name: Series(unsteady=9)}
        disturbed = replace(session, results=results, lacking=[])
        assert list(numbers_of(disturbed, plan, system)), name
        assert all(line.startswith(f"{name}: every sample") for line in disturbed.lacking)


def test_values_lie_in_their_intervals(numbers: dict[str, Number]) -> None:
    assert all(each.low <= each.value <= each.high for each in numbers.values())


def test_farther_memory_is_slower(numbers: dict[str, Number]) -> None:
    clock = numbers["core.clock_ghz"].value
    l1, l2 = (numbers[f"caches.{level}.latency_cycles"].value for level in ("l1", "l2"))
    llc, dram = (clock * numbers[f"caches.{each}.latency_ns"].value for each in ("llc", "dram"))
    assert 2 < l1 < l2 < llc < dram


def test_rates_are_those_of_a_core(numbers: dict[str, Number]) -> None:
    assert 0.5 < numbers["core.clock_ghz"].value < 8
    assert 1 < numbers["core.width"].value < 20
    assert numbers["core.load_ports"].value < numbers["core.width"].high * 1.05
    assert 2 < numbers["core.mul_latency_cycles"].value < 8


def test_the_file_loads_and_keeps_the_rest(
    numbers: dict[str, Number], system: System, tmp_path: Path
) -> None:
    like, _ = nearest(system)
    made = machine_text(
        numbers.values(), like, name="here", title="This machine", origin="costmodel measure, now"
    )
    file = tmp_path / "here.yaml"
    file.write_text(made.text)
    machine = Machine.load(file)
    assert machine.parameters == made.machine.parameters
    assert set(made.measured) | set(made.kept) == set(machine.parameters)
    measured = {key for key, each in machine.parameters.items() if each.kind == "measured"}
    assert set(made.measured) <= measured


def test_a_kernel_that_ends_the_process_is_left_out_and_said(plan: Plan) -> None:
    assert ISA is not None
    bad = Experiment("bad", ".byte 6\n" if ISA.NAME == "x86_64" else "udf #0\n")

    few = replace(plan, l2_bytes=plan.memory_bytes)
    found = measure_core(ISA, few, cpus=CPUS, loops=[bad])
    assert [line for line in found.lacking if line.startswith("bad: ended the measuring process")]
    assert found.results["bad"].cycles == [] and found.results["adds"].cycles
