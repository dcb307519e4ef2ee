"""``costmodel record``: turn a kernel build tree into an archive that can be priced."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from costmodel.cli.parser import command, faults_in, several

if TYPE_CHECKING:
    from costmodel.cli.main import Subparsers

EPILOG = """\
examples:
  costmodel record --build-tree ~/linux --name base
  costmodel record --object mm/memory.o --like base --name patched
  costmodel run --machine ampere-altra --strategy @patched --baseline @base

The tree must be configured, and 'make mm/memory.o' must have been run in
it; nothing is written there. x86-64 and arm64, Linux 6.1 and later.
Needs costmodel[record].
"""


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``record --build-tree DIR`` with its options."""
    about = "record a kernel build tree, for --strategy @NAME"
    parser = command(subparsers, "record", about, epilog=EPILOG)
    parser.add_argument("--build-tree", metavar="DIR", help="a configured kernel build tree")
    parser.add_argument("--like", metavar="NAME", help="the tree and options of archive @NAME")
    parser.add_argument(
        "--operation", choices=("fork", "mprotect", "zap"), help="what to record (default: fork)"
    )
    parser.add_argument(
        "--object", metavar="FILE", help="record this object instead of the tree's mm/memory.o"
    )
    parser.add_argument("--cc", metavar="CC", help="compile mm/memory.c and all else with this")
    parser.add_argument("--name", metavar="NAME", help="default: that of the tree's folder")
    parser.add_argument("-o", "--output", metavar="FILE", help="default: NAME.ckb")
    parser.add_argument(
        "--cpu",
        metavar="CPU",
        help="boot on this CPU: cascade-lake; neoverse-n1 (default on arm64), neoverse-v1 (TLBI by "
        "range), cortex-a72 (no LSE)",
    )
    about = "also link this source file of the tree, for what the loop calls there"
    several(parser, "--with", "FILE.c", about, dest="sources")
    parser.add_argument(
        "--mitigations",
        choices=("off", "auto"),
        default="off",
        help="auto: returns go through their thunk where the build has one (default: off)",
    )


def run(args: argparse.Namespace) -> int:
    """Record, check and write the archive; return 1 if the kernel breaks a guarantee."""
    from costmodel.config.errors import ConfigError

    told = faults_in(args)
    try:
        from costmodel.emulation.session import Request, record
    except ImportError as error:
        reason = "needs the packages of costmodel[record]: pip install 'costmodel[record]'"
        raise ConfigError.of("record", reason, got=str(error)) from error
    request = Request(
        build_tree=args.build_tree,
        like=args.like,
        object_file=args.object,
        compiler=args.cc,
        name=args.name,
        output=args.output,
        sources=tuple(args.sources),
        mitigations=args.mitigations == "auto",
        operation=args.operation,
        cpu=args.cpu,
    )
    outcome = record(request, told=told)
    print(outcome.text, file=sys.stderr if outcome.broken else sys.stdout)
    return 1 if outcome.broken else 0
