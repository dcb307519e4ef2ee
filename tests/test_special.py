"""The special functions: scipy's own, without its package."""

from __future__ import annotations

import subprocess
import sys


def test_they_are_those_of_scipy_which_can_still_be_imported() -> None:
    program = (
        "import sys\n"
        "from costmodel import special\n"
        "found = special.functions()\n"
        "assert 'scipy.special' not in sys.modules\n"
        "import scipy.special, scipy.stats\n"
        "assert scipy.special.stdtr is found.stdtr and scipy.special.stdtrit is found.stdtrit\n"
        "assert abs(scipy.stats.t.ppf(0.975, 7.5) - found.stdtrit(7.5, 0.975)) < 1e-12\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
