"""``costmodel validate``: every published number beside its prediction."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from costmodel.cli.parser import add_json, command, faults_in, several

if TYPE_CHECKING:
    from costmodel.cli.main import Subparsers

MISSED = 1


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``validate [MACHINE --measured FILE] [--json FILE]``."""
    about = "predict every published number; fail if a stated accuracy is missed"
    parser = command(subparsers, "validate", about)
    parser.add_argument("machine", nargs="?", metavar="MACHINE", help="with --measured only")
    parser.add_argument(
        "--measured",
        metavar="FILE",
        help="a file of `measure --json`: its page-table operations beside MACHINE's",
    )
    add_strategies(parser)
    add_json(parser, "the result")


def add_strategies(parser: argparse.ArgumentParser) -> None:
    """Add ``--strategy`` of commands that predict what was measured."""
    about = (
        "predict measured operations with this (@NAME: a recorded build), not with the "
        "running kernel's; repeat for other operations"
    )
    several(parser, "--strategy", "S", about)


def run(args: argparse.Namespace) -> int:
    """Print the table; return 1 when a stated accuracy is missed."""
    if args.machine or args.measured or args.strategy:
        return _run_measured(args)
    from tqdm import tqdm

    from costmodel.calibration.report import (
        lines,
        stated,
        validate_machines,
        validated_machines,
        validation_document,
    )
    from costmodel.calibration.reports import assess_reports
    from costmodel.calibration.targets import reported
    from costmodel.cli.output import output

    faults = faults_in(args)
    with faults.collected():
        target = output(args.json)
    faults.tell()
    # disable=None: no bar where stderr is no terminal.
    total = len(validated_machines()) + len(reported())
    with tqdm(total=total, file=sys.stderr, disable=None, leave=False) as bar:
        reports = validate_machines(progress=bar.update)
        elsewhere = assess_reports(progress=bar.update)
    target.show("\n".join(lines(reports, elsewhere)) + "\n")
    target.write_json(lambda: validation_document(reports, elsewhere))
    return 0 if all(verdict.holds for verdict in stated(reports, elsewhere)) else MISSED


def _run_measured(args: argparse.Namespace) -> int:
    """Print what was measured on a machine beside what a machine file says of it."""
    from pathlib import Path

    from costmodel.cli.output import output
    from costmodel.config.errors import Fault
    from costmodel.config.machine import load_machine
    from costmodel.measure.document import read_measured, rows_of
    from costmodel.measure.in_caches import in_caches_text
    from costmodel.measure.prediction import call_ns, compared, strategies_named
    from costmodel.results.text.measured import not_as_recorded, operations_text

    given = (("MACHINE", args.machine), ("--measured", args.measured))
    faults = faults_in(args)
    faults.found += [Fault(name, reason="is missing") for name, value in given if not value]
    with faults.collected():
        target = output(args.json, inputs=[args.measured] if args.measured else ())
    with faults.collected():
        named = strategies_named(args.strategy)
    if args.machine:
        with faults.collected():
            machine = load_machine(args.machine, origin="MACHINE")
    if args.measured:
        with faults.collected():
            file = read_measured(Path(args.measured))
    faults.tell()
    file.check_isa(machine)
    running = file.system.running
    rows = compared(file.measured, machine, running, named)
    notes = [
        *in_caches_text(file.small_ns, machine, running, named),
        *not_as_recorded(rows, call_ns(machine), file.system.pte_functions),
    ]
    target.show(operations_text(rows, f"{machine.title}, measured {file.date}", notes=notes))
    target.write_json(lambda: rows_of(rows))
    return 0
