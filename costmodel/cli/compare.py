"""``costmodel compare``: two result files, cell by cell, for a reader or for a CI."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING

from costmodel.cli.parser import add_format, command

if TYPE_CHECKING:
    from costmodel.cli.main import Subparsers

CHECK_FAILED = 1

EPILOG = """\
exit code: 0; 1 if --fail-above is given and a cell became significantly
slower by more; 2 if the files cannot be read or compared.
"""


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``compare OLD.json NEW.json [--fail-above PCT]``."""
    parser = command(subparsers, "compare", "compare two result files cell by cell", epilog=EPILOG)
    parser.add_argument("old", metavar="OLD.json", help="written by costmodel run --json")
    parser.add_argument("new", metavar="NEW.json", help="the same, later")
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

    from costmodel.config.errors import ConfigError
    from costmodel.results.compare import compare_files
    from costmodel.results.reading import read_results
    from costmodel.results.tables import comparison_csv, comparison_markdown
    from costmodel.results.text.comparison import comparison_text

    names = (args.old, args.new)
    files, faults = [], []
    for name in names:
        try:
            files.append(read_results(Path(name)))
        except ConfigError as error:
            faults += error.faults
    if faults:
        raise ConfigError(faults)
    comparison = compare_files(files[0], files[1], names=names)
    match args.format:
        case "csv":
            print(comparison_csv(comparison), end="")
        case "markdown":
            print(comparison_markdown(comparison, names=names), end="")
        case _:
            print(comparison_text(comparison, names=names), end="")
    if args.fail_above is None:
        return 0
    slower = comparison.regressions(args.fail_above)
    if slower and args.format != "csv":
        print(f"\n{len(slower)} of {len(comparison.cells)} cells slower by more than "
              f"{args.fail_above:g}%.")  # fmt: skip
    return CHECK_FAILED if slower else 0


def _percent(text: str) -> float:
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a percentage of at least 0 (got {text!r})")
    return value
