"""One short question to each command, the folder that it is asked in, and whether it is whole."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import yaml

from tests.hostile.test_other_files import MEASURED, REPORT
from tests.results.made import four_strategies

TREE: Final = Path(os.environ.get("COSTMODEL_TREES", "trees")) / "x86-small"
"""A kernel build tree (tools/builds/README.md); without it `record` is not struck."""
MEMORY: Final = "--memory '4 MiB'"
XEON: Final = f"--machine xeon-4210r --strategy folio-batch-v6.9 {MEMORY}"
QUESTIONS: Final = {
    "run": f"run {XEON} --set protocol.runs=2 --json run.json",
    "machines": "machines xeon-4210r",
    "strategies": "strategies folio-batch-v6.12",
    "explain": f"explain xeon-4210r folio-batch-v6.9 {MEMORY} --json explained.json",
    "breakeven": "breakeven folio-batch-v6.9 --machine xeon-4210r --over folio_order "
    f"{MEMORY} --json breakeven.json -o breakeven.svg",
    "sensitivity": f"sensitivity xeon-4210r v6.7 {MEMORY} --json numbers.json -o numbers.svg",
    "sweep": f"sweep lkml-fork {XEON} --over core.width=2..8:4 -o swept",
    "compare": "compare old.json old.json",
    "plot": "plot lkml-fork --machine xeon-4210r --strategy folio-batch-v6.9 -o plot.svg",
    "report": "report old.json -o report.html",
    "trace": f"trace xeon-4210r v6.7 {MEMORY} -o trace.json",
    "loops": "loops zen3 --machine epyc-milan --json loops.json",
    "check": "check mine.py:mine",
    "record": f"record --build-tree {TREE.absolute()} -o tree.ckb",
    "calibrate": "calibrate epyc-zen5 --measured taken.json --starts 1",
    "validate": "validate epyc-zen5 --measured taken.json --json validated.json",
    "measure": "measure --quick --no-validate -o mine.yaml --json measured.json",
    "share": f"share perf.txt {XEON} --json share.json",
    "layout": f"layout {os.getpid()} -o layout.yaml --json layout.json",
    "cache": "cache",
}
"""By command: a test holds the names against the commands that there are."""
MINE: Final = """\
from costmodel.strategies import fork as k


def mine(fork):
    yield from k.v6_12(fork)
"""


def furnish(folder: Path) -> Path:
    """Make the folder in which commands are asked, with the files that they read."""
    folder.mkdir()
    (folder / "mine.py").write_text(MINE)
    (folder / "perf.txt").write_text(REPORT)
    (folder / "old.json").write_text(json.dumps(four_strategies()))
    (folder / "taken.json").write_text(json.dumps(MEASURED))
    return folder


ENDS: Final[dict[str, Callable[[bytes], object]]] = {
    ".json": json.loads,
    ".yaml": lambda content: yaml.safe_load(content)["name"],
    ".svg": lambda content: content.rindex(b"</svg>"),
    ".html": lambda content: content.rindex(b"</html>"),
    ".npz": lambda content: content.rindex(b"PK\x05\x06"),  # a zip's directory, its last piece
    ".ckb": lambda content: content.rindex(b"PK\x05\x06"),
    ".parquet": lambda content: content.index(b"PAR1", len(content) - 4),
}
"""By suffix: what fails for a file that was cut off."""


def half_written(folder: Path) -> list[str]:
    """Return the files below a folder that are not whole, or of a kind that nobody asked for."""
    wrong = []
    for path in (path for path in folder.rglob("*") if path.is_file()):
        try:
            if path.name not in ("mine.py", "perf.txt"):
                ENDS[path.suffix](path.read_bytes())
        except (KeyError, ValueError, TypeError, yaml.YAMLError):
            wrong.append(path.name)
    return wrong
