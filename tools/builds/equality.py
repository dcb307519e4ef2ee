"""Compares recorded windows row by row: ``python -m tools.builds.equality TREES [TREE ...]``.

Records the fork of the trees below the folder ``TREES`` that are configured like the kernels that
were booted (``BOOTED``), and says of each window how many of its rows equal those that the booted
kernel executed. Then it writes the digests of what it recorded to ``tests/emulation/booted.yaml``:
the tests compare these with the shipped recordings, so that no kernel tree is needed for that.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml

from costmodel.emulation.kernel import build_kernel
from costmodel.emulation.operations import OPERATIONS
from costmodel.emulation.patching import CPUS
from costmodel.emulation.record import record_program
from costmodel.emulation.tree import MEMORY, read_tree
from costmodel.recorder.archive import RecordedProgram, load_program

BOOTED: Final = {
    "x86-booted": "v6.12.117.x86_64",
    "arm64-booted": "v6.12.117.arm64_nocontpte",
    "arm64-booted-contpte": "v6.12.117.arm64_contpte",
}
"""Trees configured as the booted kernels were, and the recording of each."""
DIGESTS: Final = Path(__file__).parents[2] / "tests" / "emulation" / "booted.yaml"
LATE: Final = {"v6.12.117.arm64_contpte/rw/order9": 48, "v6.12.117.arm64_contpte/ro/order9": 48}
"""Windows of booted kernels that begin so many rows later than ours: not behind the lock, but
inside the gathering of the first block, after its second entry."""

Row = tuple[Any, ...]


def rows(program: RecordedProgram, key: str, first: int = 0) -> list[Row]:
    """Return a window from row ``first`` on: kind, mnemonic, target, size, outcome, five distances.

    Inputs whose producers stand before that row have none.
    """
    window = program.recordings[key]
    uop = window.uop[first:]
    columns = (program.kind, program.op, program.target, program.size_bytes)
    distance = window.distance[first:]
    reach = np.arange(len(distance))[:, None]
    distance = np.where(distance > reach, 0, distance)
    static = zip(*(column[uop].tolist() for column in columns), strict=True)
    outcome = window.taken[first:].tolist()
    return [
        (*what, taken, *_closed(inputs, bool(what[2])))
        for what, taken, inputs in zip(static, outcome, distance.tolist(), strict=True)
    ]


def _closed(inputs: list[int], memory: bool) -> list[int]:
    """Return inputs without the gaps that inputs from before the window leave."""
    ends = (2, 4, 5) if memory else (3, 4, 5)
    closed: list[int] = []
    for end in ends:
        group = inputs[len(closed) : end]
        known = [distance for distance in group if distance]
        closed += known + [0] * (len(group) - len(known))
    return closed


def digest(window: list[Row]) -> str:
    """Return sixteen digits that stand for the rows of a window."""
    text = "\n".join(" ".join(map(str, row)) for row in window)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def recorded(folder: Path, name: str) -> RecordedProgram:
    """Record the fork of a build tree, as the program ``name``."""
    tree, operation = read_tree(folder), OPERATIONS["fork"]
    cpu = next(iter(CPUS[tree.isa].values()))
    kernel = build_kernel(tree, [tree.folder / MEMORY], cpu)
    return record_program(kernel, operation, name).program


def compared(mine: RecordedProgram, name: str) -> dict[str, dict[str, object]]:
    """Print how many rows of each window are equal; return length and digest of ours."""
    booted = load_program("fork", name)
    found: dict[str, dict[str, object]] = {}
    for key in sorted(set(booted.recordings) & set(mine.recordings)):
        first = LATE.get(f"{name}/{key}", 0)
        ours = rows(mine, key, first)
        theirs = rows(booted, key)
        equal = sum(one == other for one, other in zip(ours, theirs, strict=False))
        print(f"{name:28}{key:12}{len(theirs):7}{len(ours):7}{equal:7}", flush=True)
        found[key] = {"first": first, "rows": len(ours), "digest": digest(ours)}
    return found


def main() -> None:
    """Record the trees that are named, or all of them."""
    folder, *names = sys.argv[1:]
    known = yaml.safe_load(DIGESTS.read_text()) if DIGESTS.exists() else {}
    print(f"{'':40}{'booted':>7}{'ours':>7}{'equal':>7}")
    for tree, name in BOOTED.items():
        if not names or tree in names:
            known[name] = compared(recorded(Path(folder) / tree, name), name)
    head = "# Rows that costmodel record gives; written by python -m tools.builds.equality.\n"
    DIGESTS.write_text(head + yaml.safe_dump(known))


if __name__ == "__main__":
    main()
