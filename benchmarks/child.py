"""Computes one cell in a fresh process, the model imported before; prints what that took.

``python -m benchmarks.child MEMORY_BYTES ITERATIONS ORDER`` prints seconds.
"""

from __future__ import annotations

import sys

from benchmarks.cells import MACHINES, cell
from benchmarks.measurement import seconds
from costmodel.config.machine import load_machine
from costmodel.experiment import run_cell


def main(words: list[str]) -> None:
    """Measure the cell that the command line asks for."""
    memory_bytes, iterations, order = (int(word) for word in words)
    machine = load_machine(MACHINES["arm64"])
    run_cell(cell(machine, "folio-scan-v3", memory_bytes=1 << 21))  # loads what is compiled
    wanted = cell(machine, memory_bytes=memory_bytes, iterations=iterations, order=order)
    print(seconds(lambda: run_cell(wanted)))


if __name__ == "__main__":
    main(sys.argv[1:])
