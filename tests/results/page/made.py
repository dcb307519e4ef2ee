"""Pages made by hand: results with hostile names, a grid whose numbers are easy to foretell."""

from __future__ import annotations

import numpy as np

from costmodel.config.machine import load_machine
from costmodel.config.scenario import Protocol
from costmodel.config.workload import Workload
from costmodel.experiment import Cell
from costmodel.results.document import ResultFile
from costmodel.sweeps.what_if import Slider, WhatIf
from tests.results.made import cell as cell_data
from tests.results.made import document, four_strategies, results_of

HOSTILE = "</script><img src=x onerror=\"document.title='broken in'\">'\"<b>&amp;"
BROKEN = f"{HOSTILE} 2"
MACHINE = "ampere-altra"
NAMES = ("v6.7", "folio-batch-prototype", "contpte-folio-batch-noyoungdirty", "contpte-per-pte")


def results(*, orders: tuple[int, ...] = (0, 9)) -> ResultFile:
    """Return four strategies on one machine."""
    return results_of(four_strategies([MACHINE], orders))


def hostile_results() -> ResultFile:
    """Return results in which every text of a user is an attack."""
    cells = [
        cell_data(name, seconds, base_seconds=0.005, machine=HOSTILE)
        | {"remarks": [HOSTILE] if name == BROKEN else [], "settings": [HOSTILE]}
        for name, seconds in (("v6.7", 0.005), (HOSTILE, 0.004), (BROKEN, 0.003))
    ]
    made = document(*cells)
    made["title"] = HOSTILE
    made["machine_remarks"] = {HOSTILE: [HOSTILE]}
    made["left_out"] = [{"machine": HOSTILE, "strategies": [HOSTILE], "reason": HOSTILE}]
    made["provenance"] |= {
        "command": ["costmodel", HOSTILE],
        "scenario": {"title": HOSTILE},
        "overrides": [HOSTILE],
        "machine_sha256": {HOSTILE: HOSTILE},
        "packages": {HOSTILE: HOSTILE},
    }
    return results_of(made)


def grid(
    *, source: str = "a manual", name: str = MACHINE, names: tuple[str, ...] = NAMES
) -> WhatIf:
    """Return three by five points; strategy n changes by n times what both sliders say."""
    machine = load_machine(MACHINE)
    if name != MACHINE:
        machine = machine.model_copy(update={"name": name})
    protocol = Protocol(runs=8, iterations=100, seed=1)
    pairs = []
    for order in (0, 9):
        workload = Workload(
            operation="fork", memory_bytes=1 << 30, folio_orders={order: 1.0}, state="writable"
        )
        cells = [Cell(machine, workload, strategy, protocol) for strategy in names]
        pairs += [(cell, cells[0]) for cell in cells]
    sliders = (
        Slider("tlbi.broadcast_ns", (10.0, 20.0, 400.0), 1, source),
        Slider("core.width", (2, 3, 4, 5, 6), 2, source),
    )
    change = np.zeros((15, len(pairs)))
    for point in range(15):
        one, other = divmod(point, 5)
        for at in range(len(pairs)):
            change[point, at] = (at % len(names)) * (10 * (one - 1) + (other - 2) - 0.27)
    change[14] = np.nan
    return WhatIf(machine, sliders, tuple(pairs), 20 * (1 + change / 100), change)
