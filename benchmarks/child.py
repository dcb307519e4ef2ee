"""Computes cells in a fresh process, the model imported before; prints how long that took.

``python -m benchmarks.child one MEMORY_BYTES ITERATIONS`` or ``... many CELLS WORKERS``.
"""

from __future__ import annotations

import sys

from benchmarks.cells import MACHINES, all_cells, cell
from benchmarks.measurement import seconds
from costmodel.config.machine import load_machine
from costmodel.experiment import run_cell, run_cells


def main(words: list[str]) -> None:
    """Measure the cells that the command line asks for."""
    first, second = (int(word) for word in words[1:])
    machine = load_machine(MACHINES["arm64"])
    run_cell(cell(machine, memory_bytes=1 << 21, order=2))  # loads what is compiled
    if words[0] == "one":
        wanted = cell(machine, memory_bytes=first, iterations=second)
        print(seconds(lambda: run_cell(wanted)))
    else:
        todo = list(all_cells())[:first]
        print(seconds(lambda: run_cells(todo, jobs=second)))


if __name__ == "__main__":
    main(sys.argv[1:])
