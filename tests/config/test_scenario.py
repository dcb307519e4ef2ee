"""Scenario files: a good one, and every way to get one wrong."""

from pathlib import Path

import pytest

from costmodel.config.errors import ConfigError
from costmodel.config.overrides import load_with_overrides
from costmodel.config.scenario import Scenario, load_scenario

GOOD = """\
title: fork of 1 GiB, the thread's table
operation: fork
memory: 1 GiB
state: writable
machines: [apple-m2-vm, ampere-altra]
folio_orders: [0, 9, {0: 50%, 4: 50%}]
baseline: v6.7
strategies: [arch-batch-const1, mine.py:copy_loop]
protocol: {runs: 8, iterations: 100, seed: 1}
"""
STRATEGIES = ("v6.7", "arch-batch-const1", "folio-batch-v6.9")


def load(tmp_path: Path, text: str) -> Scenario:
    path = tmp_path / "s.yaml"
    path.write_text(text)
    return load_scenario(str(path), strategies=STRATEGIES)


def faults(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    return [str(fault).removeprefix(f"{tmp_path}/") for fault in caught.value.faults]


def test_a_scenario_becomes_workloads(tmp_path: Path) -> None:
    scenario = load(tmp_path, GOOD)
    assert scenario.memory == 2**30
    assert scenario.protocol.runs == 8
    assert [workload.layout for workload in scenario.workloads] == [
        "order-0",
        "order-9",
        "0: 50%, 4: 50%",
    ]
    assert scenario.workloads[2].folio_orders == {0: 0.5, 4: 0.5}
    assert scenario.workloads[0].pages == 262144


def test_defaults_depend_on_the_operation(tmp_path: Path) -> None:
    lines = [line for line in GOOD.splitlines(True) if line.split(":")[0] in REQUIRED]
    assert load(tmp_path, "".join(lines)).state == "writable"
    zap = "".join(lines).replace("operation: fork", "operation: zap")
    assert load(tmp_path, zap).state == "exit"
    assert load(tmp_path, zap).strategies is None


REQUIRED = ("title", "operation", "memory", "machines", "folio_orders", "baseline")


@pytest.mark.parametrize("key", REQUIRED)
def test_each_required_key_is_missed(tmp_path: Path, key: str) -> None:
    text = "".join(line for line in GOOD.splitlines(True) if not line.startswith(f"{key}:"))
    assert f"s.yaml:1:1: {key}: missing key (got nothing)" in faults(tmp_path, text)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            "memory: 1 GiB",
            "memory: 1000 B",
            "3:9: memory: must be a multiple of the page size, 4096 bytes (got '1000 B')",
        ),
        (
            "memory: 1 GiB",
            "memory: 1 GHz",
            "3:9: memory: must be a size with its unit, such as 1 GiB (got '1 GHz')",
        ),
        ("memory: 1 GiB", "memory: 0", "3:9: memory: must be at least 4096 (got 0, an int)"),
        ("runs: 8", "runs: 0", "9:18: protocol.runs: must be at least 1 (got 0, an int)"),
        ("runs: 8", "runs: 8.5", "9:18: protocol.runs: must be an integer (got 8.5, a float)"),
        ("runs: 8", "runs: many", "9:18: protocol.runs: must be an integer (got 'many')"),
        ("runs: 8", "rums: 8", "9:12: protocol.rums: unknown key, did you mean 'runs'?"),
        ("seed: 1", "seed: 1, seed: 2", "9:47: protocol.seed: duplicate key, first on line 9"),
        (
            "ampere-altra",
            "ampre-altra",
            "machines[1]: unknown machine, did you mean 'ampere-altra'?",
        ),
        (
            "arch-batch-const1",
            "arch-batch-1",
            "unknown strategy, did you mean 'arch-batch-const1'?",
        ),
        (
            "baseline: v6.7",
            "baseline: v6.8",
            "7:11: baseline: unknown strategy, did you mean 'v6.7'?",
        ),
        ("[0, 9,", "[0, 10,", "folio_orders[1]: an order must be 0 or 2 to 9 (got 10"),
        ("[0, 9,", "[0, 0,", "folio_orders[1]: stands in the list already"),
        ("0: 50%", "0: 40%", "folio_orders[2]: the shares of a mix must sum to 100% (got '90%'"),
        ("0: 50%", "0: half", "folio_orders[2][0]: must be a share such as 50%"),
        (
            "state: writable",
            "state: exit",
            "4:8: state: must be 'writable' or 'read-only' or 'file' for fork",
        ),
        ("operation: fork", "operation: frok", "2:12: operation: must be 'fork' or 'zap'"),
        ("[arch-batch-const1, mine.py:copy_loop]", "[]", "8:13: strategies: must not be empty"),
        (
            "title: fork of 1 GiB, the thread's table",
            "title:",
            "1:1: title: must be text (got nothing)",
        ),
    ],
)
def test_one_fault_one_line(tmp_path: Path, old: str, new: str, fault: str) -> None:
    assert old in GOOD
    found = faults(tmp_path, GOOD.replace(old, new))
    assert len(found) == 1
    assert fault in found[0]
    assert found[0].startswith("s.yaml:")


def test_all_faults_come_at_once_sorted_by_line(tmp_path: Path) -> None:
    text = GOOD.replace("runs: 8", "runs: 0").replace("1 GiB\n", "1 GHz\n") + "title: again\nx: 1\n"
    lines = [int(fault.split(":")[1]) for fault in faults(tmp_path, text)]
    assert lines == [3, 9, 10, 11]


def test_machine_paths_count_from_the_scenario(tmp_path: Path) -> None:
    scenario = load(tmp_path, GOOD.replace("ampere-altra", "./mine.yaml"))
    assert scenario.machines == ("apple-m2-vm", str(tmp_path / "mine.yaml"))


def test_a_path_without_a_suffix_stays_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    changed = load(tmp_path, GOOD).replace({"machines": ["./mine"]})
    assert changed.machines == ("./mine",)
    with pytest.raises(ConfigError, match=r"^--machine: no such file \(got './mine'\)$"):
        load_with_overrides(changed, on=("--machine", ["./mine"]))


def test_replace_checks_as_a_file_is_checked(tmp_path: Path) -> None:
    scenario = load(tmp_path, GOOD)
    changed = scenario.replace({"memory": "2 GiB", "protocol.seed": 7}, origin="--set")
    assert (changed.memory, changed.protocol.seed, scenario.protocol.seed) == (2**31, 7, 1)
    with pytest.raises(ConfigError) as caught:
        scenario.replace({"folio_orders": [12], "protocol.runs": 0}, origin="--order")
    assert [str(fault) for fault in caught.value.faults] == [
        "--order: folio_orders[0]: an order must be 0 or 2 to 9 (got 12, an int)",
        "--order: protocol.runs: must be at least 1 (got 0, an int)",
    ]


def test_an_unknown_scenario_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="unknown scenario, did you mean 'lkml-fork'"):
        load_scenario("lkml-frok")
