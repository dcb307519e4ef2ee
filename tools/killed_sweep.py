"""A large sweep that is killed at random moments ends with the bytes of one that is not.

Run it as ``python -m tools.killed_sweep [--cells N] [--kills N] [--jobs N] [--seed N]``. With the
hundred thousand cells of the default it takes some ten minutes of CPU time, twice: once for the
sweep that is killed and goes on, once for the other. It ends with 1 where a byte differs.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
_CELLS_PER_POINT = 4
_LOOK_SECONDS = 0.05


def main() -> int:
    """Compute both sweeps, compare their files, and say what happened."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    points = 1 << (max(2, args.cells // _CELLS_PER_POINT) - 1).bit_length()
    chance = random.Random(args.seed)
    with TemporaryDirectory() as directory:
        whole, killed = Path(directory, "whole"), Path(directory, "killed")
        _command(whole, points, args.jobs).wait()
        parts = _parts(whole)
        print(f"{points * _CELLS_PER_POINT:,} cells in {parts} parts; seed {args.seed}")
        for moment in sorted(chance.uniform(0, parts) for _ in range(args.kills)):
            there = _killed_at(killed, points, args.jobs, moment, chance)
            print(f"killed with {there} of {parts} parts there")
        _command(killed, points, args.jobs).wait()
        same = _digests(whole) == _digests(killed)
    print("the same bytes" if same else "other bytes")
    return 0 if same else 1


def _command(folder: Path, points: int, jobs: int) -> subprocess.Popen[bytes]:
    """Start a sweep of four cells a point with all numbers free."""
    question = ["--machine", "ampere-altra", "--strategy", "folio-batch-v6.9"]
    question += ["--order", "4", "--order", "9"]
    sample = ["--over", "uncertain", "--sample", "sobol", "--points", str(points)]
    words = [*question, *sample, "--jobs", str(jobs), "-o", str(folder)]
    command = [sys.executable, "-m", "costmodel", "sweep", *words]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)


def _killed_at(folder: Path, points: int, jobs: int, moment: float, chance: random.Random) -> int:
    """Kill a sweep once so many parts are there, some part of a second later."""
    process = _command(folder, points, jobs)
    while process.poll() is None and _parts(folder) < moment:
        time.sleep(_LOOK_SECONDS)
    time.sleep(chance.random())
    process.kill()
    process.wait()
    return _parts(folder)


def _parts(folder: Path) -> int:
    return len(list(folder.glob("cells/part-*")))


def _digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


if __name__ == "__main__":
    sys.exit(main())
