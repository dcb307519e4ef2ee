"""Tables of a measured machine."""

from dataclasses import replace

import pytest

from costmodel.config.machine import load_machine
from costmodel.measure.operations import Measured
from costmodel.measure.prediction import Compared, call_ns
from costmodel.results.text.measured import not_as_recorded, operations_text


def row(operation: str, order: int, ratio: float | None, layout: str = "so") -> Compared:
    measured = Measured(operation, order, 1 << 20, [25600, 51200, 99999], layout)
    strategy = None if ratio is None else "v6.7"
    return Compared(measured, strategy, None if ratio is None else 25600 * ratio)


def lines(*rows: Compared) -> list[str]:
    return operations_text(rows, "Box").splitlines()


def test_each_operation_is_named_once_and_times_are_per_pte() -> None:
    text = lines(row("munmap", 4, 1.0), row("munmap", 0, 1.0))
    assert text[3].split() == ["munmap", "0", "100.00", "200.00", "100.00", "1.00"]
    assert text[4].split() == ["4", "100.00", "200.00", "100.00", "1.00"]


def test_what_is_far_off_has_a_star_and_decides_what_is_said() -> None:
    far = lines(row("munmap", 0, 0.5), row("munmap", 4, 1.6))
    assert far[3].endswith("0.50 *") and far[4].endswith("1.60 *")
    assert "Do not trust absolute times" in " ".join(far)
    near = " ".join(lines(row("munmap", 0, 0.6), row("munmap", 4, 1.5)))
    assert "*" not in near.partition("predictions")[0]
    assert "Absolute times of this file can be used." in near


def test_what_the_model_lacks_has_no_ratio() -> None:
    text = lines(row("juggle", 0, None))
    assert text[3].split()[-2:] == ["-", "-"]
    assert "Nothing here is in the model." in text


def test_orders_that_lay_alike_share_their_words() -> None:
    rows = [row("munmap", 0, 1.0, "anywhere"), *(row("munmap", n, 1.0) for n in (2, 3, 4, 9))]
    assert lines(*rows)[-1] == "frames: order 0: anywhere; order 2 to 4, 9: so"


def test_nothing_measured_is_said() -> None:
    assert lines()[-1] == "no operation could be timed"


def test_reasons_of_orders_without_prediction_share_a_line() -> None:
    rows = [
        replace(row("fork writable", order, None), strategy="@mine", why_not="holds order 0")
        for order in (2, 3, 5)
    ]
    assert lines(*rows)[-1] == "not predicted: order 2 to 3, 5: @mine holds order 0"


def test_helpers_that_are_functions_are_named_with_what_a_call_costs() -> None:
    machine = load_machine("epyc-milan")
    cycles = machine.core.mispredict_penalty_cycles.value + machine.mitigations.return_cycles.value
    call = call_ns(machine)
    (text,) = not_as_recorded([row("fork writable", 0, 0.3)], call, ["pte_val", "__pte"])
    assert text.startswith("not as recorded: pte_val, __pte are functions")
    stated = float(text.partition(" return take ")[2].partition(" ns")[0])
    assert stated >= cycles / machine.core.clock_ghz.value - 0.05, "a Safe RET at the least"


def test_a_call_on_an_idle_core_finds_its_target_in_the_first_level() -> None:
    machine = load_machine("sapphire-rapids")
    cycles = (
        call_ns(machine) * machine.core.clock_ghz.value - machine.mitigations.return_cycles.value
    )
    assert cycles == pytest.approx(2 * machine.core.call_return_cycles.value)


def test_nothing_is_said_of_helpers_where_predictions_are_near_or_of_that_build() -> None:
    recorded = replace(row("fork writable", 0, 0.3), strategy="@mine")
    for rows in ([row("fork writable", 0, 1.0)], [recorded]):
        assert list(not_as_recorded(rows, 1.0, ["pte_val"])) == []
    assert list(not_as_recorded([row("fork writable", 0, 0.3)], 1.0, [])) == []
