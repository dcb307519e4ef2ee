"""A command loads what it needs: each module costs time at every start."""

from __future__ import annotations

import subprocess
import sys

MOST_FILES = 116
"""Of a plain run; 138 before operations and users' code were loaded only when they are asked for."""
LOADED = """
import sys
from costmodel.cli.main import main
main(["run", "--machine", "ampere-altra", "--strategy", "folio-batch-v6.9", "--no-noise", "--jobs", "1"])
files = {getattr(m, "__file__", "") for n, m in sys.modules.items() if n.startswith("costmodel.")}
print(*(file for file in files if not file.endswith("__init__.py")), sep="\\n", file=sys.stderr)
"""


def test_one_run_loads_few_files() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True
    )
    files = [file for file in done.stderr.splitlines() if file.endswith(".py")]
    assert 50 < len(files) <= MOST_FILES
    unasked = ("/zap/", "/checking/run", "/user_code/process", "/emulation/", "/results/plots")
        "/operations/zap/",
        "/checking/run",
        "/user_code/process",
        "/emulation/",
        "/results/plots",
    )
    assert [file for file in files if any(part in file for part in unasked)] == []
