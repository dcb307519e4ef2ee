"""``costmodel compare``: result files, cell by cell, for a reader or for a CI."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING

from costmodel.cli.parser import add_format, command, faults_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from costmodel.cli.main import Subparsers
    from costmodel.results.compare import FileComparison

CHECK_FAILED = 1

EPILOG = """\
Every file is compared with the first one.

exit code: 0; 1 if --fail-above is given and a cell became significantly
slower by more; 2 if the files cannot be read or compared.

examples:
  costmodel compare old.json new.json --fail-above 2%
  costmodel compare v6.7.json v6.9.json v6.12.json --format markdown
"""


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``compare OLD.json NEW.json... [--fail-above PCT]``."""
    parser = command(subparsers, "compare", "compare result files cell by cell", epilog=EPILOG)
    parser.add_argument("old", metavar="OLD.json", help="written by costmodel run --json")
    parser.add_argument("new", metavar="NEW.json", nargs="+", help="the same, later; or several")
    parser.add_argument(
        "--fail-above",
        type=_percent,
        metavar="PCT",
        help="exit 1 if a cell became slower by more than this, significantly",
    )
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Print the comparison; raise ConfigError for files that cannot be compared."""
    from pathlib import Path

    from costmodel.results.compare import compare_files
    from costmodel.results.reading import read_results

    names = (args.old, *args.new)
    files, comparisons, faults = [], [], faults_in(args)
    for name in names:
        with faults.collected():
            files.append(read_results(Path(name)))
    faults.tell()
    for name, file in zip(args.new, files[1:], strict=True):
        with faults.collected():
            comparisons.append(compare_files(files[0], file, names=(args.old, name)))
    faults.tell()
    print(_text(comparisons, names, args.format), end="")
    if args.fail_above is None:
        return 0
    slower = sum(len(comparison.regressions(args.fail_above)) for comparison in comparisons)
    if slower and args.format != "csv":
        cells = sum(len(comparison.cells) for comparison in comparisons)
        print(f"\n{slower} of {cells} cells slower by more than {args.fail_above:g}%.")
    return CHECK_FAILED if slower else 0


def _text(comparisons: Sequence[FileComparison], names: Sequence[str], form: str) -> str:
    """Return what a format prints: two files in full, of more the changes beside each other."""
    from costmodel.results.tables import (
        comparison_csv,
        comparison_markdown,
        comparisons_markdown,
    )
    from costmodel.results.text.comparison import comparison_text
    from costmodel.results.text.comparisons import comparisons_text

    if form == "csv":
        return comparison_csv(comparisons, names=names)
    if len(comparisons) > 1:
        several = comparisons_markdown if form == "markdown" else comparisons_text
        return several(comparisons, names=names)
    one = comparison_markdown if form == "markdown" else comparison_text
    return one(comparisons[0], names=(names[0], names[1]))


def _percent(text: str) -> float:
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError("must be a percentage of at least 0")
    return value
