"""Operations on this machine's page tables, on little memory: laws, not times."""

from dataclasses import replace
from typing import Any

import pytest

from costmodel.config.machine import load_machine
from costmodel.measure.kernels import isa_here
from costmodel.measure.operations import (
    Measured,
    Operations,
    layout_of,
    measure_operations,
    size_for,
)
from costmodel.measure.prediction import RunningKernel, compared, strategies_named
from costmodel.measure.process import Lost, Measuring
from costmodel.measure.system import read_system

SYSTEM = replace(read_system(), root=False, thp_enabled="never")
pytestmark = pytest.mark.skipif(isa_here() is None, reason="no kernels here")


@pytest.fixture(scope="module")
def operations() -> Operations:
    small = replace(SYSTEM, available_bytes=64 << 20)  # so it operates on 16 MiB
    return measure_operations(small, quick=True, seconds=0)


def test_every_operation_is_timed(operations: Operations) -> None:
    assert {one.operation for one in operations.measured} == {
        "fork writable",
        "fork read-only",
        "exit after writable",
        "exit after read-only",
        "mprotect to-read-only",
        "mprotect to-writable",
        "munmap",
        "dontneed",
    }
    assert all(one.order == 0 and one.memory_bytes == 16 << 20 for one in operations.measured)


def test_times_per_page_are_those_of_a_kernel(operations: Operations) -> None:
    for one in operations.measured:
        assert 0.5 < one.least_ns / 4096 < 10_000, one.operation


def test_calls_on_one_page_give_numbers(operations: Operations) -> None:
    numbers = {number.key: number for number in operations.numbers()}
    assert set(numbers) == {"kernel.fork_fixed_us", "kernel.unmap_call_ns"}
    assert all(each.low <= each.value <= each.high for each in numbers.values())


def test_frames_are_told_as_a_scenario_says_them() -> None:
    together = list(range(1024, 2048))
    apart = [7 * frame for frame in together]
    half = [*together[:512], *apart[:512]]
    blocks = [block * 64 + page for block in range(256) for page in range(4)]
    assert layout_of(together, 0).frames == layout_of(together, 2).frames == "contiguous"
    assert layout_of(apart, 0).frames == layout_of(blocks, 2).frames == "scattered"
    assert layout_of(blocks, 2).words.startswith("100 % in aligned blocks")
    assert layout_of(blocks, 2).over_bytes == (255 * 64 + 4) * 4096
    assert layout_of(half, 0).frames == {"scattered": "50.0%", "run": "2 MiB"}


def test_little_memory_is_said_and_nothing_is_run() -> None:
    poor = replace(SYSTEM, available_bytes=8 << 20)
    with pytest.raises(Lost, match="needs 64 MiB"):
        size_for(poor, quick=False)
    found = measure_operations(poor)
    assert found.measured == [] and found.lacking == ["operations: needs 64 MiB of free memory"]


@pytest.mark.parametrize("lost", ["round", "layout", "small"])
def test_what_ends_on_the_way_is_said_and_the_rest_is_kept(
    lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    ask = Measuring.ask

    def failing(self: Measuring, request: dict[str, Any]) -> Any:
        again = request["task"] in asked
        asked.append(request["task"])
        if request["task"] == lost and (again or lost == "layout"):
            raise Lost("no more memory")
        return ask(self, request)

    monkeypatch.setattr(Measuring, "ask", failing)
    little = replace(SYSTEM, available_bytes=64 << 20)
    found = measure_operations(little, quick=True, seconds=0)
    assert any("no more memory" in text for text in found.lacking)
    assert found.small_ns


def test_other_page_sizes_are_refused() -> None:
    with pytest.raises(Lost, match="pages have 65536 bytes"):
        size_for(replace(SYSTEM, page_bytes=65536), quick=False)


def test_a_prediction_is_that_of_the_kernels_own_strategy() -> None:
    machine = load_machine("epyc-zen5")
    one = Measured("fork writable", 9, 16 << 20, [1000])
    strategies = {
        kernel: compared([one], machine, RunningKernel(kernel))[0].strategy
        for kernel in ("5.15.0-generic", "6.7.1", "6.10.0", "7.0.0")
    }
    assert strategies["5.15.0-generic"] is None, "nothing so old is in the model"
    assert strategies["6.7.1"] == "v6.7"
    assert strategies["6.10.0"] == "folio-batch-v6.9"
    assert strategies["7.0.0"] == "folio-batch-v6.12"


def test_a_fork_is_predicted_without_its_fixed_part() -> None:
    one = Measured("fork writable", 9, 16 << 20, [1000])
    machine = load_machine("epyc-zen5")
    slower = machine.with_value("kernel.fork_fixed_us", 240.0)
    (usual,), (same,) = (
        compared([one], each, RunningKernel("6.12.0")) for each in (machine, slower)
    )
    assert usual.predicted_ns == same.predicted_ns
    assert usual.ratio == pytest.approx((usual.predicted_ns or 0) / 1000)


def test_what_the_model_lacks_has_no_prediction() -> None:
    one = Measured("juggle", 0, 16 << 20, [1000])
    (row,) = compared([one], load_machine("epyc-zen5"), RunningKernel("6.12.0"))
    assert row.predicted_ns is None and row.ratio is None


def test_a_strategy_that_is_named_predicts_its_operations() -> None:
    machine = load_machine("epyc-zen5")
    fork, unmap = (Measured(name, 9, 16 << 20, [1000]) for name in ("fork writable", "munmap"))
    rows = compared(
        [fork, unmap], machine, RunningKernel("6.12.0"), strategies_named(["v6.7@gcc13"])
    )
    assert [row.strategy for row in rows] == ["v6.7@gcc13", "folio-batch-v6.12"]


def test_a_name_of_several_operations_stands_for_each() -> None:
    assert set(strategies_named(["v6.7"])) >= {"fork", "zap"}


def test_orders_that_a_named_strategy_lacks_are_said() -> None:
    # Builds were recorded at orders 0 and 9 only.
    one = Measured("fork writable", 4, 16 << 20, [1000])
    named = strategies_named(["folio-batch-v6.12@gcc13"])
    (row,) = compared([one], load_machine("epyc-zen5"), RunningKernel("6.12.0"), named)
    assert row.predicted_ns is None
    assert "order" in row.why_not
