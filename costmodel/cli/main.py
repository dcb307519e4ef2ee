"""The ``costmodel`` command: find the subcommand, run it, turn errors into lines and exit codes.

Exit codes: 0 done; 1 a check failed (``check``, ``compare --fail-above``); 2 bad input; 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import textwrap
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Protocol, cast

from costmodel import __version__
from costmodel.cli.parser import Parser, wrapped
from costmodel.cli.process import BAD_INPUT, complain, guarded, interrupted
from costmodel.units import WIDTH

COMMANDS = (
    "run",
    "machines",
    "strategies",
    "explain",
    "breakeven",
    "sensitivity",
    "sweep",
    "compare",
    "plot",
    "report",
    "trace",
    "loops",
    "check",
    "record",
    "calibrate",
    "validate",
    "measure",
    "share",
    "layout",
    "cache",
)
"""Each is a module ``costmodel.cli.<name>`` with ``add_parser`` and ``run``, in --help's order."""

Subparsers = argparse._SubParsersAction  # argparse has no public name for it


class Command(Protocol):
    """What the module of a command offers. Importing it must be cheap: ``run`` imports the rest."""

    def add_parser(self, subparsers: Subparsers[argparse.ArgumentParser]) -> None:
        """Add the command's parser: ``subparsers.add_parser(name, help=...)`` and its arguments."""

    def run(self, args: argparse.Namespace) -> int:
        """Run the command and return its exit code. Raise ConfigError for bad input."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; ``argv`` defaults to that of the process."""
    words = list(sys.argv[1:] if argv is None else argv)
    return guarded(lambda: run_words(words))


def parser() -> Parser:
    """Return the parser of all commands: what shells complete from (docs/contributing.md)."""
    return _parser_of({name: _load(name) for name in available()})


def _parser_of(commands: Mapping[str, Command]) -> Parser:
    made = Parser(prog="costmodel", description=textwrap.fill(_description(), WIDTH))
    made.add_argument("--version", action="version", version=f"costmodel {__version__}")
    subparsers: Subparsers[Any] = made.add_subparsers(
        dest="command", metavar="COMMAND", required=True
    )
    for command in commands.values():
        command.add_parser(subparsers)
    return made


def run_words(words: list[str]) -> int:
    """Run the command that ``words`` are, and return its exit code.

    Exceptions, Ctrl-C and closed streams are left to the caller.
    """
    # With the name first, only that module is imported.
    names = [words[0]] if words and words[0] in available() else available()
    commands = {name: _load(name) for name in names}
    args = _parser_of(commands).parse_args(words)
    try:
        return commands[args.command].run(args)
    except Exception as error:
        if interrupted() or not _is_bad_input(error):
            raise
        complain(wrapped(str(error)))
        return BAD_INPUT


def available() -> list[str]:
    """Return the commands whose modules exist."""
    return [name for name in COMMANDS if find_spec(f"costmodel.cli.{name}") is not None]


def _load(name: str) -> Command:
    return cast(Command, importlib.import_module(f"costmodel.cli.{name}"))


def _description() -> str:
    return (
        "Predict what a change to the kernel's page-table loops costs on machines that you do not"
        " have."
    )


def _is_bad_input(error: Exception) -> bool:
    """Tell ConfigError; its module is imported only when something went wrong."""
    from costmodel.config.errors import ConfigError

    return isinstance(error, ConfigError)
