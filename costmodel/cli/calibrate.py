"""``costmodel calibrate``: fit the numbers that no source settles to published rows."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from costmodel.cli.parser import command, count, faults_in
from costmodel.cli.validate import add_strategies

if TYPE_CHECKING:
    from costmodel.cli.main import Subparsers

EPILOG = """\
Each machine has few fitted numbers (costmodel/calibration/choices.py names
them and says why) and keeps them inside the interval that its file gives.
Nothing is changed without --write.
"""


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``calibrate [MACHINE]...`` with its options."""
    about = "fit what no source settles to the published rows"
    parser = command(subparsers, "calibrate", about, epilog=EPILOG)
    parser.add_argument(
        "machine", nargs="*", metavar="MACHINE", help="default: all with published rows"
    )
    parser.add_argument(
        "--measured",
        metavar="FILE",
        help="fit one MACHINE to the operations in a file of `measure --json` instead",
    )
    add_strategies(parser)
    parser.add_argument("--write", action="store_true", help="write into the machine files")
    parser.add_argument(
        "--starts", type=count(1), default=None, metavar="N", help="starting points of each fit"
    )


def run(args: argparse.Namespace) -> int:
    """Print one report per machine; raise ConfigError for bad input."""
    if args.measured or args.strategy:
        return _run_measured(args)
    from tqdm import tqdm

    from costmodel.calibration.calibrate import (
        calibrate,
        check_can_calibrate,
        describe_fit,
        progress_steps,
    )
    from costmodel.calibration.choices import FITTED
    from costmodel.calibration.fit import STARTS
    from costmodel.calibration.machine_file import write_fit
    from costmodel.config.machine import load_machine
    from costmodel.config.resources import find_file

    starts = args.starts or STARTS
    references = args.machine or list(FITTED)
    machines, faults = [], faults_in(args)
    for reference in references:
        with faults.collected():
            machines.append(load_machine(reference, origin="MACHINE"))
            check_can_calibrate(machines[-1])
            _check_writable(args, reference)
    faults.tell()
    total = sum(progress_steps(machine, starts=starts) for machine in machines)
    # disable=None: no bar where stderr is no terminal.
    with tqdm(total=total, file=sys.stderr, disable=None, leave=False) as bar:
        done = [calibrate(m, starts=starts, progress=bar.update) for m in machines]
    print("\n\n".join("\n".join(describe_fit(calibration)) for calibration in done))
    if args.write:
        for reference, result in zip(references, done, strict=True):
            path = find_file("machines", reference)
            write_fit(path, result.machine, result.fitted, result.uncertainty)
            print(f"\nwritten to {path}")
    return 0


def _check_writable(args: argparse.Namespace, reference: str) -> None:
    """Raise ConfigError now where a machine file could not be written after minutes of fitting."""
    from costmodel.config.errors import ConfigError
    from costmodel.config.resources import find_file
    from costmodel.files import why_not

    if args.write and (reason := why_not(find_file("machines", reference))):
        raise ConfigError.of("--write", reason, got=repr(reference))


def _run_measured(args: argparse.Namespace) -> int:
    """Fit a machine to what was measured on it."""
    from pathlib import Path

    from tqdm import tqdm

    from costmodel.calibration.fit import STARTS
    from costmodel.calibration.machine_file import write_fit
    from costmodel.config.errors import Fault
    from costmodel.config.machine import load_machine
    from costmodel.config.resources import find_file
    from costmodel.measure.document import read_measured
    from costmodel.measure.fitting import calibrate_to, describe_measured
    from costmodel.measure.prediction import strategies_named

    faults = faults_in(args)
    if not args.measured:
        faults.found.append(Fault("--strategy", reason="needs --measured"))
    if args.measured and len(args.machine) != 1:
        reason = "needs one MACHINE, the one that was measured"
        faults.found.append(Fault("--measured", reason=reason, got=" ".join(args.machine)))
    for reference in args.machine:
        with faults.collected():
            machine = load_machine(reference, origin="MACHINE")
            _check_writable(args, reference)
    with faults.collected():
        named = strategies_named(args.strategy)
    if args.measured:
        with faults.collected():
            file = read_measured(Path(args.measured))
    faults.tell()
    file.check_isa(machine)
    starts = args.starts or STARTS
    # disable=None: no bar where stderr is no terminal.
    with tqdm(total=starts, file=sys.stderr, disable=None, leave=False) as bar:
        found = calibrate_to(
            machine, file.measured, file.system.running, named, starts=starts, progress=bar.update
        )
    print("\n".join(describe_measured(found)))
    if args.write:
        path = find_file("machines", args.machine[0])
        write_fit(path, machine, found.fitted, found.uncertainty)
        print(f"\nwritten to {path}")
    return 0
