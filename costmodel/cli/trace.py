"""``costmodel trace``: the timeline of the window, in a file that pipeline viewers open."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from costmodel.cli.question import add_workload_options

if TYPE_CHECKING:
    from costmodel.cli.main import Subparsers

EPILOG = """\
examples:
  costmodel trace xeon-4210r v6.7 -o out/v6.7.json            open in ui.perfetto.dev
  costmodel trace ampere-altra contpte-per-pte --order 4 --ptes 16 \\
      --format kanata -o out/storm.kanata                     open in Konata
"""


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``trace MACHINE STRATEGY -o FILE`` with its options."""
    parser = subparsers.add_parser(
        "trace",
        help="write the micro-op timeline of some PTEs for a pipeline viewer",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("machine", metavar="MACHINE", help="a name, or a machine file")
    parser.add_argument("strategy", metavar="STRATEGY", help="a name; or file.py:function")
    add_workload_options(parser)
    parser.add_argument(
        "--ptes", type=_count, default=16, metavar="N", help="PTEs to show (default 16)"
    )
    parser.add_argument(
        "--first", type=int, metavar="N", help="the first of them (default: mid-table)"
    )
    parser.add_argument(
        "--format",
        choices=("perfetto", "kanata"),
        default="perfetto",
        help="Chrome trace JSON (default), or the Kanata log of Konata",
    )
    parser.add_argument("-o", dest="output", metavar="FILE", required=True)
    parser.set_defaults(vs=None)


def run(args: argparse.Namespace) -> int:
    """Write the file and say what is in it; raise ConfigError for bad input."""
    from pathlib import Path

    from costmodel.cli.question import cells, question
    from costmodel.files import write_text
    from costmodel.timeline.cell import timeline_of
    from costmodel.timeline.kanata import kanata
    from costmodel.timeline.perfetto import perfetto

    scenario, machine = question(args, args.machine)
    cell, _ = cells(scenario, machine)
    shown = timeline_of(cell, ptes=args.ptes, first=args.first)
    name = f"{machine.name}, {cell.strategy}, {cell.workload.layout}, {cell.workload.state}"
    text = kanata(shown) if args.format == "kanata" else perfetto(shown, name=name)
    write_text(Path(args.output), text)
    print(
        f"{args.output}: {len(shown.micro_ops)} micro-ops of {args.ptes} PTEs,"
        f" {shown.cycles:g} cycles ({name})"
    )
    return 0


def _count(text: str) -> int:
    count = int(text) if text.isdigit() else 0
    if count < 1:
        raise argparse.ArgumentTypeError(f"must be an integer of at least 1 (got {text!r})")
    return count
