"""``costmodel validate``: every published number beside its prediction."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from costmodel.cli.main import Subparsers

MISSED = 1


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``validate [--json FILE]``."""
    parser = subparsers.add_parser(
        "validate",
        help="predict every published number; fail if a stated accuracy is missed",
        allow_abbrev=False,
    )
    parser.add_argument("--json", metavar="FILE", help="also write the result there")


def run(args: argparse.Namespace) -> int:
    """Print the table; return 1 when a stated accuracy is missed."""
    import json
    from pathlib import Path

    from tqdm import tqdm

    from costmodel.calibration.report import (
        document,
        lines,
        missed,
        validate,
        validated_machines,
    )
    from costmodel.files import write_text

    # disable=None: no bar where stderr is no terminal.
    total = len(validated_machines())
    with tqdm(total=total, file=sys.stderr, disable=None, leave=False) as bar:
        reports = validate(progress=bar.update)
    if args.json:
        write_text(Path(args.json), json.dumps(document(reports), indent=1, allow_nan=False) + "\n")
    print("\n".join(lines(reports)))
    return MISSED if missed(reports) else 0
