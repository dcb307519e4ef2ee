"""``costmodel explain``: where the nanoseconds go, and which micro-ops make the difference."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from costmodel.cli.question import add_options

if TYPE_CHECKING:
    from costmodel.cli.main import Subparsers

MOST_JOBS = 2
"""More processes than this cost more to start than they save."""

EPILOG = """\
examples:
  costmodel explain xeon-4210r folio-batch-v6.9 --order 9
  costmodel explain ampere-altra contpte-per-pte --vs contpte-folio-batch-v6.9 --order 9
  costmodel explain ampere-altra contpte-per-pte --order 4 --set tlbi.range=true
"""


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``explain MACHINE STRATEGY`` with its options."""
    parser = subparsers.add_parser(
        "explain",
        help="show why a strategy is faster or slower on a machine",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("machine", metavar="MACHINE", help="a name, or a machine file")
    parser.add_argument("strategy", metavar="STRATEGY", help="a name; or file.py:function")
    add_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print the explanation; raise ConfigError for bad input."""
    from costmodel import __version__
    from costmodel.cli.question import cells, origin_of, question, write_json
    from costmodel.explaining.attribution import explain
    from costmodel.results.text.explanation import explanation_document, explanation_text

    scenario, machine = question(args, args.machine)
    new, base = cells(scenario, machine)
    explanation = explain(new, base, jobs=min(MOST_JOBS, os.cpu_count() or 1))
    if args.json:
        provenance = origin_of(args, scenario, machine.name)
        write_json(args.json, explanation_document(explanation, provenance))
    print(explanation_text(explanation, version=__version__), end="")
    return 0
