"""The machines and scenarios that ship with the package."""

import pytest

from costmodel.config.machine import load_machine
from costmodel.config.resources import names
from costmodel.config.scenario import load_scenario
from costmodel.operations.registry import operation_names

THREAD = ("apple-m2-vm", "ampere-altra", "xeon-4210r")


def test_machines_that_scenarios_of_users_name_stay() -> None:
    what_if = {
        "ampereone",
        "apple-m3",
        "core-i7-14700",
        "epyc-milan",
        "epyc-rome",
        "epyc-zen4",
        "epyc-zen5",
        "graviton3",
        "graviton4",
        "ice-lake-sp",
        "nvidia-grace",
        "sapphire-rapids",
        "skylake-sp",
    }
    assert {*THREAD, *what_if} <= set(names("machines"))


@pytest.mark.parametrize("name", names("machines"))
def test_each_machine_is_sound_and_sourced(name: str) -> None:
    machine = load_machine(name)
    assert machine.name == name
    for key, parameter in machine.parameters.items():
        # What the sources say stands beside every fitted number.
        assert parameter.kind != "fitted" or (machine.fit and key in machine.fit.priors), key
        if parameter.source.startswith(("no source", "usual for")):
            assert parameter.kind == "inferred", key
        assert parameter.source.isascii(), key


def test_the_published_4210r_runs_had_turbo_off() -> None:
    assert load_machine("xeon-4210r").core.clock_ghz.value == 2.4


@pytest.mark.parametrize("name", names("scenarios"))
def test_each_scenario_loads(name: str) -> None:
    assert load_scenario(name).operation in operation_names()


def test_the_table_of_the_thread() -> None:
    scenario = load_scenario("lkml-fork")
    assert scenario.machines == THREAD
    assert scenario.strategies is None
    assert [workload.folio_order for workload in scenario.workloads] == [0, 9]
    assert (scenario.memory, scenario.state, scenario.baseline) == (2**30, "writable", "v6.7")
    protocol = scenario.protocol
    assert (protocol.runs, protocol.iterations, protocol.seed) == (8, 100, 1)
