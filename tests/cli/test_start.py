"""A command loads what it needs: each module costs time at every start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

NEW, OF_KNOWN_CELLS, ASKED_BEFORE = "off", "cells", "answers"
MOST_FILES: Final = {NEW: 152, OF_KNOWN_CELLS: 87, ASKED_BEFORE: 7}
"""Of a plain run in one process, by what is kept of it (docs/contributing.md says why so many)."""
WORDS: Final = [
    "run", "--machine", "ampere-altra", "--strategy", "folio-batch-v6.9", "--no-noise", "--jobs",
    "1",
]  # fmt: skip
LOADED: Final = """
import sys
from costmodel.cli.start import main
main()
loaded = [module for name, module in sys.modules.items() if name.startswith("costmodel.")]
print(*(module.__file__ for module in loaded), sep="\\n", file=sys.stderr)
"""
NOT_ASKED_FOR: Final = ("/results/plots", "/calibration/", "/timeline/")


@pytest.mark.parametrize("kept", MOST_FILES)
def test_one_run_loads_few_files(kept: str, tmp_path: Path) -> None:
    store = NEW if kept == NEW else str(tmp_path)
    asked = {OF_KNOWN_CELLS: [*WORDS, "--format", "csv"], ASKED_BEFORE: WORDS}
    if kept in asked:
        _files(asked[kept], store)
    files = _files(WORDS, store)
    assert 4 < len(files) <= MOST_FILES[kept]
    assert [f for f in files if any(part in f for part in NOT_ASKED_FOR)] == []


def _files(words: list[str], store: str) -> list[str]:
    """Return the files of the package that a command loads, without those of whole packages."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *words],
        env={**os.environ, "COSTMODEL_CACHE": store},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in done.stderr.splitlines() if line.endswith(".py")]
    return [line for line in lines if not line.endswith("__init__.py")]
