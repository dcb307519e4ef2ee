"""``costmodel trace``: the timeline of the window, in a file that pipeline viewers open."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from costmodel.cli.parser import (
    add_machine_and_strategy,
    command,
    count,
    faults_in,
    given_options,
    wrapped,
)
from costmodel.cli.question import add_question
from costmodel.units import WIDTH

if TYPE_CHECKING:
    from costmodel.cli.main import Subparsers
    from costmodel.config.errors import Fault
    from costmodel.experiment import Cell

PTES = 16
"""PTEs of the window that are shown where nothing is said."""

EPILOG = """\
examples:
  costmodel trace xeon-4210r v6.7 -o out/v6.7.json     (ui.perfetto.dev)
  costmodel trace ampere-altra contpte-per-pte --order 4 --ptes 16 \\
      --format kanata -o out/storm.kanata              (Konata)
  costmodel trace ampere-altra contpte-per-pte --order 9 \\
      --set cpus=8 --format cpus -o out/cpus.json      (one track per CPU)
"""


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``trace MACHINE STRATEGY -o FILE`` with its options."""
    about = "write the micro-op timeline of some PTEs for a pipeline viewer"
    parser = command(subparsers, "trace", about, epilog=EPILOG)
    add_machine_and_strategy(parser)
    add_question(parser)
    parser.add_argument("--ptes", type=count(1), metavar="N", help=f"PTEs to show (default {PTES})")
    parser.add_argument(
        "--first", type=count(0), metavar="N", help="the first of them (default: mid-table)"
    )
    parser.add_argument(
        "--format",
        choices=("perfetto", "kanata", "cpus"),
        default="perfetto",
        help="Chrome trace JSON (default), the Kanata log of Konata, or Chrome trace "
        "JSON of several CPUs (--set cpus=N)",
    )
    parser.add_argument("-o", dest="output", metavar="FILE", required=True)


def run(args: argparse.Namespace) -> int:
    """Write the file and say what is in it; raise ConfigError for bad input."""
    from costmodel.checking.verdict import verdicts_of
    from costmodel.cli.question import ask_one, cells
    from costmodel.experiment import build_of, matched
    from costmodel.results.text.layout import ascii_only
    from costmodel.settings import machine_title, what
    from costmodel.timeline.cell import timeline_of
    from costmodel.timeline.kanata import kanata
    from costmodel.timeline.perfetto import perfetto

    faults = faults_in(args)
    faults.found += _unfit(args)
    scenario, machine, (target,) = ask_one(args, {"-o": args.output}, faults)
    cell = matched(*cells(scenario, machine)).new  # in the build that tables show
    on = machine_title(machine, room=WIDTH)
    name = f"{on}, {cell.strategy}, {what(cell.workload, layout=True)}, build {build_of(cell)}"
    if args.format == "cpus":
        text, summary = _cpus(cell, name)
    else:
        shown = timeline_of(cell, ptes=args.ptes or PTES, first=args.first)
        text = kanata(shown) if args.format == "kanata" else perfetto(shown, name=name)
        summary = f"{len(shown.micro_ops)} micro-ops of {shown.shows}, {shown.cycles:g} cycles"
    target.write(text.encode())
    lines = [f"{args.output}: {summary} ({name})", *verdicts_of([cell])]
    target.show("".join(f"{wrapped(ascii_only(line))}\n" for line in lines))
    return 0


def _unfit(args: argparse.Namespace) -> list[Fault]:
    """Return the faults of options that the format does not have."""
    from costmodel.config.errors import Fault

    reason = "is not for --format cpus, which shows whole operations"
    given = given_options(args, ("ptes", "first")) if args.format == "cpus" else ()
    return [Fault(option, reason=reason) for option in given]


def _cpus(cell: Cell, name: str) -> tuple[str, str]:
    """Return the timeline of several CPUs and what is in it."""
    from costmodel.timeline.crowd import OPERATIONS, crowd_perfetto, crowd_slices

    slices = crowd_slices(cell)
    cpus = len({each.cpu for each in slices})
    summary = f"{OPERATIONS} operations of the first of {cpus} CPUs, {len(slices)} slices"
    return crowd_perfetto(slices, name=name), summary
