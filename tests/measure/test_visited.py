"""Which CPUs a session visits: of one kind, on one node, and few enough to meet again."""

from pathlib import Path

import pytest

from costmodel.measure.experiment import Series
from costmodel.measure.visited import cpu_list, cpus_to_visit, unlike_cpus


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / "sys/devices" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


@pytest.mark.parametrize(
    ("allowed", "visited"),
    [(range(1), [0]), (range(2), [0, 1]), (range(8), [0, 2, 4, 6]), ([3, 9, 11], [3, 9, 11])],
)
def test_cpus_are_spread_over_those_that_may_be_used(
    allowed: list[int], visited: list[int], tmp_path: Path
) -> None:
    assert cpus_to_visit(allowed, tmp_path) == visited


def test_efficient_cores_are_left_out(tmp_path: Path) -> None:
    intel = tree(tmp_path / "intel", {"cpu_core/cpus": "0-3", "cpu_atom/cpus": "4-11"})
    assert cpus_to_visit(range(12), intel) == [0, 1, 2, 3]
    assert cpus_to_visit([4, 5], intel) == [4, 5]  # nothing else may be used
    arm = {f"system/cpu/cpu{cpu}/cpu_capacity": "1024" if cpu > 3 else "400" for cpu in range(6)}
    assert cpus_to_visit(range(6), tree(tmp_path / "arm", arm)) == [4, 5]


def test_all_are_on_one_memory_node(tmp_path: Path) -> None:
    nodes = {f"system/node/node{n}/cpulist": text for n, text in enumerate(("0-1,4-5", "2-3,6-7"))}
    root = tree(tmp_path, nodes)
    assert cpus_to_visit(range(8), root) == [0, 1, 4, 5]
    assert cpus_to_visit([2, 3], root) == [2, 3]


def test_a_list_of_the_system() -> None:
    assert cpu_list("0-2,8,10-11\n") == [0, 1, 2, 8, 10, 11]
    assert cpu_list("") == []


def test_cpus_that_differ_are_named() -> None:
    series = Series()
    for cpu, cycles in [(0, 10.0), (1, 11.0), (0, 10.1), (1, 11.2)]:
        series.add([cycles] * 4, [cycles] * 4, 0, cpu=cpu)
    by_cpu = series.cycles_by_cpu()
    assert by_cpu == {0: 10.0, 1: 11.0}
    assert series.estimate("cycles").value == 10.0
    alike = {0: 10.0, 1: 10.3}
    assert unlike_cpus({"mispredict": by_cpu, "adds": alike, "alone": {0: 1.0}}) == [
        "mispredict: 10 % more on CPU 1 than on CPU 0"
    ]
