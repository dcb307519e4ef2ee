"""The command: ``python -m benchmarks [SUITE ...] [--json FILE]`` or ``--compare OLD NEW``.

What is measured is set beside the last run, which lies in ``out/bench.json``, and takes its place.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.measurement import Measurement
from benchmarks.table import WIDTH, compare, show

LAST = Path("out") / "bench.json"
NAMES = (
    "questions", "sweeps", "commands", "cell", "evaluation", "engines", "memory",
    "iterations", "cells",
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, or compare two files; return 1 where a target was missed and ``--strict`` is on."""
    args = _arguments(argv)
    if args.compare:
        old, new = (_read(Path(name)) for name in args.compare)
        print("\n".join(compare({one.name: one for one in old}, new)))
        return 0
    from benchmarks.suites import SUITES
    from costmodel.store import OFF, VARIABLE

    os.environ[VARIABLE] = OFF  # here and in all children: what was kept before takes no time

    found: list[Measurement] = []
    for name in args.suites or NAMES:
        summary = (SUITES[name].__doc__ or "").partition("\n")[0]
        print(textwrap.fill(f"{name}: {summary}", WIDTH, subsequent_indent="  "), flush=True)
        for measurement in SUITES[name]():
            found.append(measurement)
            print(show(measurement), flush=True)
        print()
    missed = [one.name for one in found if one.met is False]
    print(f"{len(missed)} of {sum(one.met is not None for one in found)} targets missed")
    last = {one.name: one for one in _read(LAST)} if LAST.is_file() else {}
    if known := [one for one in found if one.name in last]:
        print("\nAgainst the last run:\n" + "\n".join(compare(last, known)))
    LAST.parent.mkdir(exist_ok=True)
    _write(LAST, list((last | {one.name: one for one in found}).values()))
    if args.json:
        _write(Path(args.json), found)
    return int(bool(missed) and args.strict)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--json", metavar="FILE", help="also write the measurements there")
    parser.add_argument("--compare", nargs=2, metavar=("OLD", "NEW"), help="two such files")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a target is missed")
    args = parser.parse_args(argv)
    unknown = [name for name in args.suites if name not in NAMES]
    if unknown:
        parser.error(f"argument SUITE: must be of {', '.join(NAMES)} (got {unknown[0]!r})")
    return args


def _write(path: Path, found: Sequence[Measurement]) -> None:
    from costmodel import __version__
    from costmodel.files import write_text

    environment = {
        "version": __version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
    }
    results = [asdict(one) for one in found]
    write_text(path, json.dumps({"environment": environment, "results": results}, indent=2) + "\n")


def _read(path: Path) -> list[Measurement]:
    return [Measurement(**one) for one in json.loads(path.read_text())["results"]]


if __name__ == "__main__":
    sys.exit(main())
