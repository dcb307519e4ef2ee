"""A larger folio that costs more per PTE is told, with what the time goes into."""

from __future__ import annotations

from typing import Any

import pytest

from costmodel.results.document import ResultFile
from costmodel.results.text.mail import mail
from costmodel.results.text.orders import dearer_orders
from tests.results.made import cell, document


def results(times: dict[int, float], **stacks: Any) -> ResultFile:
    cells = [cell("v6.7", 1e-3 * ms, order=order, noise=False) for order, ms in times.items()]
    for each in cells:
        each.update(stacks)
    return ResultFile.model_validate(document(*cells, noise=False))


def test_a_rise_between_neighbours_is_told_with_its_cause() -> None:
    file = results({5: 6.0, 4: 5.0, 9: 5.9})
    (said,) = dearer_orders(file.cells)
    assert said.startswith("Dearer per PTE with larger folios: v6.7 +20.0% from order-4 to order-5")
    assert "(tlbi +2.29, dram +1.14 ns)" in said and "dram: waiting for memory" in said
    assert "+20.0% from order-4" in " ".join(mail(file).split())


@pytest.mark.parametrize(
    "times", [{4: 5.0, 5: 5.1}, {4: 5.0, 5: 4.0}, {0: 5.0, 9: 9.0}, {4: 5.0}, {2: 5.0, 4: 9.0}]
)
def test_small_rises_falls_and_orders_far_apart_are_not(times: dict[int, float]) -> None:
    assert not list(dearer_orders(results(times).cells))


def test_order_2_is_the_neighbour_of_order_0() -> None:
    (said,) = dearer_orders(results({0: 5.0, 2: 6.0}).cells)
    assert "from order-0 to order-2" in said
