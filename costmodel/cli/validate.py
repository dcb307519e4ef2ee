"""``costmodel validate``: every published number beside its prediction."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from costmodel.cli.parser import add_json, command

if TYPE_CHECKING:
    from costmodel.cli.main import Subparsers

MISSED = 1


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``validate [--json FILE]``."""
    about = "predict every published number; fail if a stated accuracy is missed"
    add_json(command(subparsers, "validate", about), "the result")


def run(args: argparse.Namespace) -> int:
    """Print the table; return 1 when a stated accuracy is missed."""
    from tqdm import tqdm

    from costmodel.calibration.report import (
        document,
        lines,
        missed,
        validate,
        validated_machines,
    )
    from costmodel.cli.output import output

    target = output(args.json)
    # disable=None: no bar where stderr is no terminal.
    total = len(validated_machines())
    with tqdm(total=total, file=sys.stderr, disable=None, leave=False) as bar:
        reports = validate(progress=bar.update)
    target.show("\n".join(lines(reports)) + "\n")
    target.write_json(lambda: document(reports))
    return MISSED if missed(reports) else 0
