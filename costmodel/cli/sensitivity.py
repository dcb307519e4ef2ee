"""``costmodel sensitivity``: which unknown number of a machine decides a prediction."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from costmodel.cli.parser import add_jobs, add_machine_and_strategy, command, faults_in
from costmodel.cli.question import add_options

if TYPE_CHECKING:
    from costmodel.cli.main import Subparsers

EPILOG = """\
Without --vs the answer is the time itself, else the change against it.

examples:
  costmodel sensitivity ampere-altra folio-batch-v6.9 --vs v6.7 --order 9
  costmodel sensitivity apple-m2-vm v6.7 -o out/m2.svg
"""


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``sensitivity MACHINE STRATEGY`` with its options."""
    about = "show which unknown number of a machine decides a prediction"
    parser = command(subparsers, "sensitivity", about, epilog=EPILOG)
    add_machine_and_strategy(parser)
    add_options(parser, vs_default="none: the time itself")
    parser.add_argument("-o", dest="output", metavar="FILE", help="draw it: an .svg or .png file")
    add_jobs(parser)


def run(args: argparse.Namespace) -> int:
    """Print the numbers by influence; raise ConfigError for bad input."""
    from costmodel.checking.verdict import verdicts_of
    from costmodel.cli.question import ask_one, cells, origin_of
    from costmodel.experiment import matched
    from costmodel.explaining.sensitivity import sensitivity_of
    from costmodel.parallel import cpus
    from costmodel.results.plots.picture import check_suffix
    from costmodel.results.text.sensitivity import sensitivity_document, sensitivity_text

    faults = faults_in(args)
    with faults.collected():
        check_suffix(args.output)
    files = {"-o": args.output, "--json": args.json}
    scenario, machine, (_, target) = ask_one(args, files, faults)
    # In the build that tables show, also where the time alone is asked for.
    match = matched(*cells(scenario, machine))
    cell, baseline = match.new, match.base
    found = sensitivity_of(cell, baseline if args.vs else None, jobs=args.jobs or cpus())
    verdicts = verdicts_of((cell, baseline) if args.vs else (cell,))
    target.show(sensitivity_text(found, verdicts=verdicts))
    origin = origin_of(args, scenario, [machine.name])
    target.write_json(lambda: sensitivity_document(found, origin, verdicts))
    if args.output is not None:
        from costmodel.results.plots.tornado import tornado_picture

        tornado_picture(found).save(Path(args.output))
    return 0
