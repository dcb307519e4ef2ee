"""A command loads what it needs: each module costs time at every start."""

from __future__ import annotations

import subprocess
import sys

MOST_FILES = 164
"""Of a plain run in one process; the aim is 70."""
RUN = ["--machine", "ampere-altra", "--strategy", "folio-batch-v6.9", "--no-noise", "--jobs", "1"]
LOADED = """
import sys
from costmodel.cli.main import main
main(["run", *sys.argv[1:]])
loaded = [module for name, module in sys.modules.items() if name.startswith("costmodel.")]
print(*(module.__file__ for module in loaded), sep="\\n", file=sys.stderr)
"""
NOT_ASKED_FOR = ("/results/plots", "/calibration/", "/timeline/")


def test_one_run_loads_few_files() -> None:
    words = [sys.executable, "-c", LOADED, *RUN]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    lines = [line for line in done.stderr.splitlines() if line.endswith(".py")]
    files = [line for line in lines if not line.endswith("__init__.py")]
    assert 50 < len(files) <= MOST_FILES
    assert [f for f in files if any(part in f for part in NOT_ASKED_FOR)] == []
