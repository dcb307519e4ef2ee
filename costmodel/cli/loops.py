"""``costmodel loops``: a machine held against loops that were measured on hardware."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from costmodel.cli.main import Subparsers

EPILOG = """\
FILE is a list of loops, see docs/loops.md:
  - {name: locks, ops: [[lock, 2, new-line], [add, 9, chain]], cycles: 16}
Without cycles a loop is only predicted. The loops of a Zen 3 that come with
the package are called zen3.
"""


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``loops FILE --machine M [--set KEY=VALUE] [--json F]``."""
    parser = subparsers.add_parser(
        "loops",
        help="predict small loops, beside what hardware took for them",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", help="loops to predict (YAML), or zen3")
    parser.add_argument(
        "--machine", required=True, metavar="M", help="a machine's name, or a machine file"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="assignments",
        metavar="KEY=VALUE",
        help="change a number of the machine, such as core.width=4",
    )
    parser.add_argument("--json", metavar="FILE", help="write the results to this file too")


def run(args: argparse.Namespace) -> int:
    """Print a line per loop; raise ConfigError with every fault of file, machine and options."""
    from pathlib import Path

    from costmodel.config.errors import ConfigError, Fault
    from costmodel.config.machine import load_machine
    from costmodel.config.overrides import parse_assignment
    from costmodel.files import json_text, write_text
    from costmodel.loops.form import Loop, read_loops
    from costmodel.loops.price import price_loop
    from costmodel.loops.shipped import loops_path
    from costmodel.results.text.loops import loops_text

    faults: list[Fault] = []
    loops: tuple[Loop, ...] = ()
    try:
        loops = read_loops(loops_path(args.file))
    except ConfigError as error:
        faults += error.faults
    try:
        machine = load_machine(args.machine, origin="--machine")
        values = dict(parse_assignment(text) for text in args.assignments)
        prefix = f"{machine.name}."
        values = {key.removeprefix(prefix): value for key, value in values.items()}
        machine = machine.with_values(values, origin="--set")
    except ConfigError as error:
        faults += error.faults
    if faults:
        raise ConfigError(faults)
    priced = [price_loop(loop, machine) for loop in loops]
    if args.json:
        rows = [
            {
                "name": each.name,
                "predicted_cycles": round(each.predicted_cycles, 4),
                "measured_cycles": each.measured_cycles,
            }
            for each in priced
        ]
        write_text(Path(args.json), json_text(rows))
    print(loops_text(priced, machine.title), end="")
    return 0
