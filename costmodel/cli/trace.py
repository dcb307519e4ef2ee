"""``costmodel trace``: the timeline of the window, in a file that pipeline viewers open."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from costmodel.cli.parser import add_machine_and_strategy, command, count, wrapped
from costmodel.cli.question import add_question
from costmodel.units import WIDTH

if TYPE_CHECKING:
    from costmodel.cli.main import Subparsers

EPILOG = """\
examples:
  costmodel trace xeon-4210r v6.7 -o out/v6.7.json     (ui.perfetto.dev)
  costmodel trace ampere-altra contpte-per-pte --order 4 --ptes 16 \\
      --format kanata -o out/storm.kanata              (Konata)
"""


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``trace MACHINE STRATEGY -o FILE`` with its options."""
    about = "write the micro-op timeline of some PTEs for a pipeline viewer"
    parser = command(subparsers, "trace", about, epilog=EPILOG)
    add_machine_and_strategy(parser)
    add_question(parser)
    parser.add_argument(
        "--ptes", type=count(1), default=16, metavar="N", help="PTEs to show (default 16)"
    )
    parser.add_argument(
        "--first", type=count(0), metavar="N", help="the first of them (default: mid-table)"
    )
    parser.add_argument(
        "--format",
        choices=("perfetto", "kanata"),
        default="perfetto",
        help="Chrome trace JSON (default), or the Kanata log of Konata",
    )
    parser.add_argument("-o", dest="output", metavar="FILE", required=True)


def run(args: argparse.Namespace) -> int:
    """Write the file and say what is in it; raise ConfigError for bad input."""
    from costmodel.checking.verdict import verdicts_of
    from costmodel.cli.output import output
    from costmodel.cli.question import ask_one, cells, inputs
    from costmodel.results.text.layout import ascii_only
    from costmodel.settings import machine_title, what
    from costmodel.timeline.cell import timeline_of
    from costmodel.timeline.kanata import kanata
    from costmodel.timeline.perfetto import perfetto

    scenario, machine = ask_one(args)
    target = output(args.output, option="-o", inputs=inputs(args, scenario))
    cell, _ = cells(scenario, machine)
    shown = timeline_of(cell, ptes=args.ptes, first=args.first)
    on = machine_title(machine, room=WIDTH)
    name = f"{on}, {cell.strategy}, {what(cell.workload, layout=True)}"
    text = kanata(shown) if args.format == "kanata" else perfetto(shown, name=name)
    target.write(text.encode())
    summary = f"{len(shown.micro_ops)} micro-ops of {args.ptes} PTEs, {shown.cycles:g} cycles"
    lines = [f"{args.output}: {summary} ({name})", *verdicts_of([cell])]
    target.show("".join(f"{wrapped(ascii_only(line))}\n" for line in lines))
    return 0
