"""Computes cells in a fresh process, the model imported before; prints how long that took.

``python -m benchmarks.child one MEMORY_BYTES ITERATIONS``, ``... many CELLS WORKERS``, or
``... each`` for a list with the time of every cell.
"""

from __future__ import annotations

import json
import sys

from benchmarks.cells import MACHINES, STATES, all_cells, cell, in_turn
from benchmarks.measurement import seconds
from costmodel import cpu
from costmodel.config.machine import load_machine
from costmodel.experiment import run_cell, run_cells


def main(words: list[str]) -> None:
    """Measure the cells that the command line asks for."""
    what, numbers = words[0], [int(word) for word in words[1:]]
    cpu.warm_up()
    for name in MACHINES.values():
        machine = load_machine(name)
        for operation, (state, *_) in STATES.items():  # loads what all need
            run_cell(cell(machine, operation=operation, state=state, memory_bytes=1 << 21, order=2))
    if what == "each":
        print(json.dumps([seconds(lambda one=one: run_cell(one)) for one in in_turn()]))  # type: ignore[misc]
    elif what == "one":
        memory_bytes, iterations = numbers
        arm64 = load_machine(MACHINES["arm64"])
        wanted = cell(arm64, memory_bytes=memory_bytes, iterations=iterations)
        print(seconds(lambda: run_cell(wanted)))
    else:
        cells, workers = numbers
        todo = list(all_cells())[:cells]
        print(seconds(lambda: run_cells(todo, jobs=workers)))


if __name__ == "__main__":
    main(sys.argv[1:])
