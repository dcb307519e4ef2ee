"""A large sweep that is killed at random moments ends with the bytes of one that is not.

Run it as ``python -m tools.killed_sweep [--cells N] [--over AXIS]... [--kills N] [--jobs N]
[--seed N]``. With the hundred thousand cells and all numbers free of the default it takes some ten
minutes of CPU time, twice: once for the sweep that is killed and goes on, once for the other. It
ends with 1 where a byte differs.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
_CELLS_PER_POINT = 4
_LOOK_SECONDS = 0.05


def main() -> int:
    """Compute both sweeps, compare their files, and say what happened."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--over", action="append", help="as of the command; without it, all")
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    over = args.over or ["uncertain"]
    points = 1 << (max(2, args.cells // _CELLS_PER_POINT) - 1).bit_length()
    chance = random.Random(args.seed)
    with TemporaryDirectory() as directory:
        whole, killed = Path(directory, "whole"), Path(directory, "killed")
        start = time.monotonic()
        _command(whole, over, points, args.jobs).wait()
        parts = _parts(whole)
        cells, took = points * _CELLS_PER_POINT, time.monotonic() - start
        rate = f"{cells / took:.0f} cells/s, {_cpu_seconds():.0f} s of CPU"
        print(f"{cells:,} cells in {parts} parts, {rate}; seed {args.seed}", flush=True)
        for moment in sorted(chance.uniform(0, parts) for _ in range(args.kills)):
            there = _killed_at(_command(killed, over, points, args.jobs), killed, moment, chance)
            print(f"killed with {there} of {parts} parts there", flush=True)
        _command(killed, over, points, args.jobs).wait()
        same = _digests(whole) == _digests(killed)
    print("the same bytes" if same else "other bytes")
    return 0 if same else 1


def _cpu_seconds() -> float:
    """Return the CPU time of all commands that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _command(folder: Path, over: Sequence[str], points: int, jobs: int) -> subprocess.Popen[bytes]:
    """Start a sweep of four cells a point."""
    question = ["--machine", "ampere-altra", "--strategy", "folio-batch-v6.9"]
    question += ["--order", "4", "--order", "9"]
    sample = ["--sample", "sobol", "--points", str(points)]
    sample += [word for axis in over for word in ("--over", axis)]
    words = [*question, *sample, "--jobs", str(jobs), "-o", str(folder)]
    command = [sys.executable, "-m", "costmodel", "sweep", *words]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)


def _killed_at(
    process: subprocess.Popen[bytes], folder: Path, moment: float, chance: random.Random
) -> int:
    """Kill a sweep once so many parts are there, some part of a second later."""
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
