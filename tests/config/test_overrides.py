"""``--set`` on machines, workloads and protocols."""

from pathlib import Path

import pytest

from costmodel.config.errors import ConfigError
from costmodel.config.overrides import SCENARIO_KEYS, load_with_overrides
from costmodel.config.resources import directory
from costmodel.config.scenario import default_scenario, load_scenario

SCENARIO = load_scenario("lkml-fork")


def test_machine_workload_and_protocol_change_for_this_run() -> None:
    assignments = [
        "ampere-altra.tlbi.range=true",
        "memory = 2 GiB",
        "folio_orders={0: 50%, 4: 50%}",
    ]
    scenario, machines = load_with_overrides(SCENARIO, [*assignments, "protocol.runs=4"])
    assert machines["ampere-altra"].tlbi.range.value is True
    assert machines["xeon-4210r"].parameters["core.width"].source != "set for this run"
    assert (scenario.memory, scenario.protocol.runs) == (2**31, 4)
    assert scenario.workloads[0].folio_orders == {0: 0.5, 4: 0.5}


def test_overrides_of_the_scenario_come_before_those_of_the_command() -> None:
    scenario = SCENARIO.replace({"overrides": {"xeon-4210r.core.width": 5, "cpus": 3}})
    after, machines = load_with_overrides(scenario, ["xeon-4210r.core.width=6"])
    assert (machines["xeon-4210r"].core.width.value, after.cpus) == (6, (3,))


def test_every_fault_is_reported() -> None:
    bad = [
        "memory",
        "ampere-altra.tlbi.rnage=1",
        "graviton4.core.width=8",
        "memroy=1 GiB",
        "state=redd-only",
    ]
    with pytest.raises(ConfigError) as caught:
        load_with_overrides(SCENARIO, bad)
    assert [str(fault) for fault in caught.value.faults] == [
        "--set: must have the form KEY=VALUE (got 'memory')",
        "--set: ampere-altra.tlbi.rnage: unknown key, did you mean 'tlbi.range'? (got 1, an int)",
        "--set: graviton4.core.width: names a machine that is not in this run",
        "--set: memroy: unknown key, did you mean 'memory'? (got '1 GiB')",
        "--set: state: must be 'writable' or 'read-only' or 'file' for fork (got 'redd-only')",
    ]


def test_assignments_are_judged_together_in_any_order() -> None:
    both = ["state=munmap", "operation=zap"]
    for assignments in (both, both[::-1]):
        scenario, _ = load_with_overrides(default_scenario(), assignments)
        assert (scenario.operation, scenario.state, scenario.frames) == (
            "zap", "munmap", "scattered",
        )  # fmt: skip


def test_what_a_file_says_and_does_not_fit_has_its_place_there(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text((directory("scenarios") / "lkml-fork.yaml").read_text())
    with pytest.raises(ConfigError, match=r"s\.yaml:7:8: state: must be 'exit' or 'munmap'"):
        load_with_overrides(load_scenario(str(path)), ["operation=zap"])


def test_faults_of_overrides_stand_where_the_file_has_them(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    text = (directory("scenarios") / "lkml-fork.yaml").read_text()
    path.write_text(
        text.replace("[apple-m2-vm, ampere-altra, xeon-4210r]", "[./gone.yaml, ampere-altra]")
        + "overrides:\n  runs: 3\n  ampere-altra.tlbi.rnage: true\n  cpus: 0\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_with_overrides(load_scenario(str(path)))
    lines = [str(fault).removeprefix(str(tmp_path)) for fault in caught.value.faults]
    assert [line.split(" (got")[0] for line in lines] == [
        "/s.yaml:8:12: machines[0]: no such file",
        "/s.yaml:13:9: runs: unknown key, did you mean 'protocol.runs'?",
        "/s.yaml:14:28: ampere-altra.tlbi.rnage: unknown key, did you mean 'tlbi.range'?",
        "/s.yaml:15:9: cpus: must be at least 1",
    ]


def test_overrides_of_machines_that_are_left_out_are_left_out() -> None:
    scenario = SCENARIO.replace({"overrides": {"ampere-altra.tlbi.range": True, "cpus": 2}})
    after, machines = load_with_overrides(scenario, on=("--machine", ["xeon-4210r"]))
    assert list(machines) == ["xeon-4210r"]
    assert not machines["xeon-4210r"].changes
    assert after.cpus == (2,)


def test_one_machine_alone_needs_no_name(tmp_path: Path) -> None:
    copy = tmp_path / "my-cpu.yaml"
    copy.write_text((directory("machines") / "ampere-altra.yaml").read_text())
    for reference in ("ampere-altra", str(copy)):
        scenario = SCENARIO.replace({"machines": [reference]})
        _, machines = load_with_overrides(scenario, ["tlbi.range=true"])
        assert machines["ampere-altra"].tlbi.range.value
    with pytest.raises(ConfigError, match=r"needs its machine before it, such as apple-m2-vm\."):
        load_with_overrides(SCENARIO, ["tlbi.range=true"])


def test_what_only_the_other_instruction_set_has_says_so() -> None:
    with pytest.raises(ConfigError, match=r"is not used on x86_64: arm64 only"):
        load_with_overrides(SCENARIO, ["xeon-4210r.tlbi.range=true"])


def test_an_override_that_is_no_scalar_is_refused_in_the_file() -> None:
    with pytest.raises(ConfigError, match=r"overrides\.cpus: must be a number, a name"):
        SCENARIO.replace({"overrides": {"cpus": [1]}})


def test_two_machines_of_one_name_cannot_be_told_apart(tmp_path: Path) -> None:
    copy = tmp_path / "copy.yaml"
    copy.write_text((directory("machines") / "ampere-altra.yaml").read_text())
    scenario = SCENARIO.replace({"machines": ["ampere-altra", str(copy)]})
    with pytest.raises(ConfigError, match="two machines of one name"):
        load_with_overrides(scenario)


def test_structure_is_no_override() -> None:
    assert "machines" not in SCENARIO_KEYS
    assert "protocol.seed" in SCENARIO_KEYS
