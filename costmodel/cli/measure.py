"""``costmodel measure``: writes a machine file of the machine that it runs on, and compares its
predictions with page-table operations that were measured there."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from costmodel.cli.parser import add_json, command, count, faults_in
from costmodel.cli.validate import add_strategies

if TYPE_CHECKING:
    from costmodel.cli.main import Subparsers
    from costmodel.cli.output import Output
    from costmodel.measure.command import Wanted

EPILOG = """\
Runs small kernels in memory, without a compiler and without root; nothing
is left behind, and settings that root lets it change (folio sizes) are put
back. Numbers that user space cannot see are those of the nearest shipped
machine.

examples:
  costmodel measure -o mine.yaml --json mine.json
  costmodel measure --quick --no-validate
  costmodel measure -o mine.yaml --json mine.json --strategy @my-kernel
  costmodel run lkml-fork --machine ./mine.yaml
"""


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``measure`` with its options."""
    about = "write a machine file of this machine, and hold it against the truth"
    parser = command(subparsers, "measure", about, epilog=EPILOG)
    parser.add_argument("-o", dest="output", metavar="FILE", help="the machine file to write")
    parser.add_argument("--like", metavar="M", help="the machine that the rest is kept from")
    parser.add_argument("--quick", action="store_true", help="20 seconds instead of 2 minutes")
    parser.add_argument("--no-validate", action="store_true", help="no page-table operations")
    add_json(parser, "all that was measured")
    add_strategies(parser)
    parser.add_argument(
        "--loops",
        metavar="FILE",
        nargs="?",
        const="zen3",
        help="also time small loops (default: those of zen3) beside what the model says",
    )
    parser.add_argument("--save-loops", metavar="FILE", help="write their cycles as a loops file")
    parser.add_argument("--cpu", metavar="N", type=count(0), help="stay on this CPU")


def run(args: argparse.Namespace) -> int:
    """Measure, print and write; raise ConfigError for bad input."""
    from costmodel.measure.command import measure
    from costmodel.measure.loops import loops_file
    from costmodel.results.text.loops import loops_text

    wanted, (machine_file, measured, loops) = _asked(args)
    found = measure(wanted, stage=_bar)
    texts = [found.numbers_text(), found.operations_text()]
    texts += [loops_text(found.priced, found.made.machine.title)] if found.priced else []
    measured.show("\n".join(filter(None, texts)))
    machine_file.write(found.made.text.encode())
    loops.write(loops_file(found.loops, found.system, found.session).encode())
    measured.write_json(found.document)
    return 0


def _asked(args: argparse.Namespace) -> tuple[Wanted, tuple[Output, ...]]:
    """Return what to measure, and where the machine file, all that was measured and the loops go.

    Raises ConfigError with every fault, before minutes are spent on it.
    """
    from pathlib import Path

    from costmodel.cli.output import STDOUT, outputs
    from costmodel.config.errors import Fault, describe
    from costmodel.config.machine import load_machine
    from costmodel.loops.form import loops_path, read_loops
    from costmodel.measure.command import Wanted, check_wanted

    faults = faults_in(args)
    if args.output and not args.output.endswith((".yaml", ".yml")):
        fault = Fault("-o", reason="must end with .yaml", got=describe(args.output))
        faults.found.append(fault)
    if args.save_loops and not args.loops:
        faults.found.append(Fault("--save-loops", reason="needs --loops"))
    if args.strategy and args.no_validate:
        reason = "predicts measured operations, of which --no-validate leaves none"
        faults.found.append(Fault("--strategy", reason=reason))
    if args.save_loops == STDOUT:
        fault = Fault("--save-loops", reason="must be a file", got=describe(STDOUT))
        faults.found.append(fault)
    files = {"-o": args.output, "--json": args.json, "--save-loops": args.save_loops}
    wanted = Wanted(
        name=Path(args.output or "this-machine").stem,
        quick=args.quick,
        validate=not args.no_validate,
        cpu=args.cpu,
        strategies=tuple(args.strategy),
    )
    with faults.collected():
        opened = outputs(files, inputs=[args.loops] if args.loops else [])
    with faults.collected():
        if args.like:
            wanted = replace(wanted, like=load_machine(args.like, origin="--like"))
    with faults.collected():
        if args.loops:
            wanted = replace(wanted, loops=read_loops(loops_path(args.loops, origin="--loops")))
    with faults.collected():
        check_wanted(wanted)
    faults.tell()
    return wanted, opened


@contextmanager
def _bar(name: str, length: float) -> Iterator[Callable[[float], object]]:
    """Show how far a part of the work is, where standard error is a terminal."""
    from tqdm import tqdm

    shape = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}"
    # disable=None: no bar where stderr is no terminal.
    with tqdm(
        total=length, desc=name, file=sys.stderr, disable=None, leave=False, bar_format=shape
    ) as bar:
        yield bar.update
