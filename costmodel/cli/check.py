"""``costmodel check``: run strategies on page tables and report every broken guarantee."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from costmodel.cli.parser import command, count, faults_in
from costmodel.operations.registry import operation_names

if TYPE_CHECKING:
    from costmodel.checking.run import Subject
    from costmodel.cli.main import Subparsers


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``check [STRATEGY|file.py:function]... [--layouts N] [--seed N]``."""
    about = "check what strategies do to page tables against what the kernel guarantees"
    parser = command(subparsers, "check", about)
    parser.add_argument(
        "strategy",
        nargs="*",
        metavar="STRATEGY",
        help="a name, or file.py:function (default: every built-in one)",
    )
    parser.add_argument(
        "--layouts",
        type=count(0),
        default=200,
        metavar="N",
        help="random layouts beside the fixed ones (default: %(default)s)",
    )
    parser.add_argument(
        "--contpte",
        action="store_true",
        help="the kernel of file.py:function uses arm64's contiguous bit",
    )
    parser.add_argument(
        "--operation",
        choices=operation_names(),
        help="check strategies for this one (default: built-in ones for all, file.py for fork)",
    )
    parser.add_argument(
        "--seed",
        type=count(0),
        default=0,
        metavar="N",
        help="which random layouts (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Print one line or one drawing per strategy; return 1 if some guarantee is broken.

    Raises ConfigError for those that cannot be run, once the others are done.
    """
    from costmodel.checking.check import (
        check_strategy,
        describe_prices,
        report_text,
        standard_layouts,
    )
    from costmodel.checking.priced import mispriced
    from costmodel.checking.subjects import find_subjects
    from costmodel.config.errors import ConfigError, Fault
    from costmodel.mm.layouts import telling_layouts

    told = faults_in(args)
    subjects: list[Subject] = []
    with told.collected():
        subjects = find_subjects(args.strategy, contpte=args.contpte, operation=args.operation)
    if args.contpte and (known := [subject.name for subject in subjects if subject.code is None]):
        reason = "is for file.py:function; of a built-in strategy it is known"
        told.found.append(Fault("--contpte", reason=reason, got=repr(known[0])))
    told.tell()
    layouts = standard_layouts(args.layouts, args.seed)
    broken, faults = 0, list[Fault]()
    for subject in subjects:
        try:
            report = check_strategy(subject, layouts)
            prices = describe_prices(mispriced(subject, telling_layouts())) if report.passed else ""
        except ConfigError as error:
            faults += error.faults
            continue
        broken += not report.passed
        print("\n".join(filter(None, [report_text(report), prices])), flush=True)
    if faults:
        raise ConfigError(faults)
    return 1 if broken else 0
