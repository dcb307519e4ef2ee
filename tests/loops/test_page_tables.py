"""Page-table operations of a Zen 3 and an Emerald Rapids: which build explains them, how far."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from costmodel import api
from costmodel.config.machine import load_machine
from costmodel.measure.document import read_measured
from costmodel.measure.prediction import compared

ORDERS = {"o0": 0, "o4": 4, "o9pte": 9}
OPERATIONS = {
    "fork_fresh": ("fork", "writable"),
    "fork_steady": ("fork", "read-only"),
    "munmap": ("zap", "munmap"),
    "child_exit_steady": ("zap", "exit"),
    "child_exit_fresh": ("zap", "exit"),
}
FACTORS = {
    "fork_fresh": (0.20, 0.31, 0.39),
    "fork_steady": (0.28, 0.27, 0.35),
    "munmap": (0.53, 0.61, 0.99),
    "child_exit_steady": (0.53, 0.66, 0.92),
}
"""The first table of docs/loops.md of that guest's page tables."""


DEBIAN = "folio-batch-v6.12@gcc12-debian"
"""Debian's configuration of 6.12 (gcc 12.2, PARAVIRT_XXL), recorded with mitigations auto."""
DEBIAN_FACTORS = {
    "munmap": (0.72, 0.76, 1.05),
    "child_exit_steady": (0.77, 0.77, 1.03),
    "child_exit_fresh": (0.65, 0.68, 0.77),
}
"""The second table, of the minimum."""


def measured(operation: str, what: str) -> dict[int, float]:
    """Return ``min`` or ``median`` of an operation by folio order, ns per PTE."""
    text = Path(__file__).with_name("page_tables_zen3.yaml").read_text()
    return {
        ORDERS[row["layout"]]: row[what]
        for row in yaml.safe_load(text)
        if row["operation"] == operation and row["layout"] in ORDERS
    }


AS_THEY_LAY: dict[int, str | dict[str, str]] = {
    0: {"scattered": "7%"},
    4: {"scattered": "8%"},
    9: "contiguous",
}
"""Where the measured frames lay: docs/loops.md."""


def predicted(
    operation: str,
    strategy: str,
    frames: Mapping[int, str | Mapping[str, str]] | None = None,
) -> dict[int, float]:
    kind, state = OPERATIONS[operation]
    return {
        order: api.price(
            "epyc-milan",
            strategy,
            order=order,
            operation=kind,
            state=state,
            frames=frames[order] if frames else "contiguous",
        ).ns_per_pte
        for order in (0, 4, 9)
    }


@pytest.mark.parametrize("operation", FACTORS)
def test_a_build_with_helpers_out_of_line_is_missed_by_what_the_document_says(
    operation: str,
) -> None:
    minimum = measured(operation, "min")
    found = predicted(operation, "folio-batch-v6.12")
    factors = tuple(found[order] / minimum[order] for order in found)
    assert factors == pytest.approx(FACTORS[operation], rel=0.05)


@pytest.mark.parametrize("operation", DEBIAN_FACTORS)
def test_a_recorded_build_of_that_configuration_explains_the_unmaps(operation: str) -> None:
    minimum, median = measured(operation, "min"), measured(operation, "median")
    found = predicted(operation, DEBIAN)
    factors = tuple(found[order] / minimum[order] for order in found)
    assert factors == pytest.approx(DEBIAN_FACTORS[operation], rel=0.05)
    assert all(found[order] > 0.58 * minimum[order] for order in found)
    assert all(found[order] < 1.5 * median[order] for order in found)


@pytest.mark.parametrize("operation", DEBIAN_FACTORS)
def test_with_the_frames_where_they_lay_every_order_is_in_range(operation: str) -> None:
    """From 0.6 of the minimum to 1.5 of the median, and no faster than with all in a row."""
    minimum, median = measured(operation, "min"), measured(operation, "median")
    found = predicted(operation, DEBIAN, AS_THEY_LAY)
    assert all(0.6 * minimum[order] < found[order] < 1.5 * median[order] for order in found)
    in_a_row = predicted(operation, DEBIAN)
    assert all(found[order] > 0.97 * in_a_row[order] for order in found)


def test_an_emerald_rapids_is_met_by_what_is_known_of_its_predecessor() -> None:
    """72 operations of a guest; only the core of sapphire-rapids.yaml was measured there."""
    file = read_measured(Path(__file__).with_name("page_tables_emerald_rapids.json"))
    rows = compared(file.measured, load_machine("sapphire-rapids"), file.system.running)
    assert len(rows) == 72
    assert all(row.ratio is not None and 0.6 < row.ratio < 1.5 for row in rows)
