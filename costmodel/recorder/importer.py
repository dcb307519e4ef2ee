"""Turns recordings in their original CSV form into the project's archives.

It is run once per set of recordings: ``python -m costmodel.recorder.importer FOLDER OPERATION``.
The CSV columns are described in docs/recordings.md.
"""

from __future__ import annotations

import csv
import gzip
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from costmodel.files import write_bytes
from costmodel.recorder.archive import ALIGNED, FOLDER, RecordedProgram, Recording, save_program

_TABLE_TARGETS = ("src", "dst", "page")
BUILDS: Final = {
    "gcc12": "gcc12",
    "gcc13": "gcc13",
    "gcc14": "gcc14",
    "dgcc12": "gcc12-distro",
    "dgcc13": "gcc13-distro",
    "mgcc12": "gcc12-many-cpus",
    "mgcc13": "gcc13-many-cpus",
    "ugcc12": "gcc12-uffd",
    "ugcc13": "gcc13-uffd",
}
"""Names of builds by their code in file names; see ``costmodel/code/data/builds.yaml``."""
_BOOTED: Final = {
    ("prototype", ""): "prototype_dec20",
    ("v6.7", "arm64_contpte"): "v4_before_change",
}
"""Names of sources that have another name among the booted kernels."""
WINDOW_PTES: Final = {"order0": 64, f"order0{ALIGNED}": 64, "order9": 512}
"""How many page-table entries a window of a build covers, by layout."""
_Static = tuple[int, str, str, str, int, str]


class _Importer:
    """Collects the windows of one program; numbers its static micro-ops and memory lines."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.static: dict[_Static, int] = {}
        self.lines: dict[int, int] = {}
        self.line_count: dict[str, int] = defaultdict(int)
        self.windows: dict[str, Recording] = {}

    def add(self, state: str, layout: str, ptes: int, rows: list[dict[str, str]]) -> None:
        """Add one recorded window of ``ptes`` entries; ``rows`` are the rows of the CSV file."""
        uop = np.array([self._static(row) for row in rows])
        inputs = [[int(row[key] or 0) for key in ("d1", "d2", "d3", "d4", "md")] for row in rows]
        self.windows[f"{state}/{layout}"] = Recording(
            state=state,
            layout=layout,
            ptes=ptes,
            uop=uop,
            distance=np.array(inputs),
            index=self._index(rows, uop.tolist()),
            offset=np.array([int(row["off"] or 0) for row in rows]),
            taken=np.array([int(row["taken"] or -1) for row in rows]),
        )

    def _static(self, row: dict[str, str]) -> int:
        key = (
            int(row["site"]),
            row["kind"],
            row["op"],
            row["target"],
            int(row["bytes"] or 0),
            row["fn"],
        )
        return self.static.setdefault(key, len(self.static))

    def _index(self, rows: list[dict[str, str]], uops: list[int]) -> np.ndarray:
        """Return the number of the memory line that each row touches, the same in all windows.

        Addresses differ from window to window, so a line is identified by the micro-ops that touch
        it.
        """
        users: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)
        lines_of: dict[int, set[str]] = defaultdict(set)
        for row, uop in zip(rows, uops, strict=True):
            if row["target"] and row["target"] not in _TABLE_TARGETS:
                users[row["target"], row["index"]][uop] += 1
                lines_of[uop].add(row["index"])
        numbers: dict[tuple[str, str], int] = {}
        for (target, number), counts in users.items():
            steady = [uop for uop in counts if len(lines_of[uop]) == 1]
            votes = Counter(self.lines[uop] for uop in steady if uop in self.lines)
            taken = {n for (t, _), n in numbers.items() if t == target}
            line = next((n for n, _ in votes.most_common() if n not in taken), None)
            if line is None:
                line = self.line_count[target]
                self.line_count[target] += 1
            numbers[target, number] = line
            self.lines.update({uop: line for uop in steady if uop not in self.lines})
        return np.array(
            [numbers.get((row["target"], row["index"]), int(row["index"] or 0)) for row in rows]
        )

    def program(self) -> RecordedProgram:
        """Return all windows that were added so far as one program."""
        return RecordedProgram.of(self.name, self.static, self.windows)


def import_folder(folder: Path, ptes: Mapping[str, int]) -> list[RecordedProgram]:
    """Return the programs recorded in ``folder`` (``*.csv.gz``); ``ptes`` by file name."""
    importers: dict[str, _Importer] = {}
    for path in sorted(folder.glob("*.csv.gz")):
        name, state, layout = path.name[: -len(".csv.gz")].rsplit(".", 2)
        importer = importers.setdefault(name, _Importer(name))
        with gzip.open(path, "rt") as file:
            importer.add(state, layout, ptes[path.name], list(csv.DictReader(file)))
    return [importer.program() for importer in importers.values()]


def import_builds(folder: Path) -> list[RecordedProgram]:
    """Return the programs of ``folder``: one kernel source each, built in several ways.

    Files are called ``VARIANT.BUILD.ARCH.STATE.LAYOUT.csv.gz``; the program of a build is called
    ``VARIANT@BUILD.ARCH``, with the name that :data:`BUILDS` gives the build.
    """
    importers: dict[str, _Importer] = {}
    for path in sorted(folder.glob("*.csv.gz")):
        source, state, layout = path.name[: -len(".csv.gz")].rsplit(".", 2)
        variant, code, arch = source.rsplit(".", 2)
        if arch.endswith(ALIGNED):
            arch, layout = arch[: -len(ALIGNED)], layout + ALIGNED
        booted = _BOOTED.get((variant, arch)) or _BOOTED.get((variant, ""), variant)
        name = f"{booted}@{BUILDS[code]}.{arch}"
        importer = importers.setdefault(name, _Importer(name))
        with gzip.open(path, "rt") as file:
            importer.add(state, layout, WINDOW_PTES[layout], list(csv.DictReader(file)))
    return [importer.program() for importer in importers.values()]


def main() -> None:
    """Import the folder and operation named on the command line."""
    import yaml

    folder, operation = Path(sys.argv[1]), sys.argv[2]
    if operation == "builds":
        for program in import_builds(folder):
            write_bytes(FOLDER / "fork" / f"{program.name}.npz", save_program(program))
        return
    index = yaml.safe_load((folder / "index.yaml").read_text())
    ptes = {entry["file"]: entry["ptes"] for entry in index["files"]}
    data = FOLDER / operation
    for program in import_folder(folder, ptes):
        write_bytes(data / f"{program.name}.npz", save_program(program))


if __name__ == "__main__":
    main()
