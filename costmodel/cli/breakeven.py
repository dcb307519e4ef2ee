"""``costmodel breakeven``: the value of one number at which two strategies cost the same."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from costmodel.cli.parser import command
from costmodel.cli.question import add_options

if TYPE_CHECKING:
    from costmodel.cli.main import Subparsers

LARGE_ORDER = 9
"""Order of the large folios of folio_share where --order is not given."""

EPILOG = """\
KEY is folio_order, folio_share (share of folios of --order, default 9,
among folios of order 0), cpus, threads, between_us, memory, tlbi_ns
(arm64: the whole price of a TLBI), or any number that
`costmodel machines MACHINE` lists.

examples:
  costmodel breakeven folio-batch-v6.9 --machine ampere-altra \\
      --over folio_order
  costmodel breakeven contpte-per-pte --machine ampere-altra --order 9 \\
      --over tlbi.broadcast_ns
  costmodel breakeven folio-scan-v3 --machine xeon-4210r --order 4 \\
      --over folio_share
"""


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``breakeven STRATEGY --machine M --over KEY`` with its options."""
    about = "find the value of a number at which two strategies cost the same"
    parser = command(subparsers, "breakeven", about, epilog=EPILOG)
    parser.add_argument("strategy", metavar="STRATEGY", help="a name; or file.py:function")
    parser.add_argument("--machine", required=True, metavar="M", help="a name, or a machine file")
    parser.add_argument("--over", required=True, metavar="KEY", help="what varies, see below")
    add_options(parser)
    parser.set_defaults(positional=("strategy",))


def run(args: argparse.Namespace) -> int:
    """Print the answer; raise ConfigError for bad input."""
    from costmodel import __version__
    from costmodel.checking.verdict import verdicts_of
    from costmodel.cli.output import output
    from costmodel.cli.question import ask_one, cells, inputs, origin_of
    from costmodel.experiment import run_cell
    from costmodel.explaining.axes import axis_of
    from costmodel.explaining.breakeven import break_even, in_one_build
    from costmodel.ineffective import ineffective
    from costmodel.results.text.breakeven import breakeven_document, breakeven_text

    scenario, machine = ask_one(args)
    target = output(args.json, inputs=inputs(args, scenario))
    pair = cells(scenario, machine)
    order = LARGE_ORDER if args.order is None else pair[0].workload.folio_order or 0
    axis = axis_of(args.over, pair, large_order=order)
    pair = in_one_build(pair, axis)
    answer = break_even(pair, axis)
    idle = ineffective([run_cell(cell, noise=False) for cell in pair])
    verdicts = verdicts_of(pair)
    target.show(breakeven_text(answer, pair, version=__version__, idle=idle, verdicts=verdicts))
    origin = origin_of(args, scenario, [machine.name])
    target.write_json(lambda: breakeven_document(answer, pair, origin, verdicts))
    return 0
