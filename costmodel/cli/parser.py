"""What the parsers of all commands have in common: layout, repeated options, kinds of numbers."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from costmodel.operations.registry import DEFAULT, operation_names
from costmodel.units import WIDTH

if TYPE_CHECKING:
    from costmodel.cli.main import Subparsers
    from costmodel.config.errors import Fault, Faults


_INDENT = "  "
BASELINES = "v6.7; mprotect, mremap: v6.12"
"""The default baselines, as help texts state them."""


class HelpLayout(argparse.RawDescriptionHelpFormatter):
    """Help of at most 76 columns, whatever the terminal; examples stay as they are."""

    def __init__(self, prog: str) -> None:
        """Fix the width."""
        super().__init__(prog, width=WIDTH)


class _Offered(tuple[str, ...]):
    """The words that an option can have, for help and shells; ``parse`` says which are wrong."""

    def __contains__(self, word: object) -> bool:
        """Let argparse take every word."""
        return True

    def parse(self, text: str) -> str:
        """Return a word, or raise what argparse wants of a type."""
        if text not in list(self):
            raise argparse.ArgumentTypeError(f"must be one of {', '.join(self)}")
        return text


class _Once(argparse.Action):
    """Takes the value of an option that can be given once: of two, none would be the right one."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Keep the value; note a second one."""
        assert isinstance(parser, Parser)
        if option_string and self.dest in parser.given:
            from costmodel.config.errors import Fault

            fault = Fault(option_string, reason="is given twice", got=repr(values))
            parser.wrong.append(fault)
        parser.given.add(self.dest)
        setattr(namespace, self.dest, values)


class Parser(argparse.ArgumentParser):
    """A parser of at most 76 columns, whose options have one spelling.

    What is wrong with the value of an option does not end the command: the namespace has it in
    ``wrong`` (:func:`faults_in`), so that it is told together with what else is wrong.
    """

    def __init__(self, **options: Any) -> None:
        """Take the arguments of argparse's parser."""
        settings: dict[str, Any] = {"formatter_class": HelpLayout, "allow_abbrev": False}
        self.options: list[str] = []
        self.given: set[str] = set()
        self.wrong: list[Fault] = []
        super().__init__(**(options | settings))
        self.register("action", None, _Once)

    def add_argument(self, *names: str, **options: Any) -> argparse.Action:
        """Add an argument; ``type`` and ``choices`` are those of argparse."""
        self.options += [name for name in names if name.startswith("--")]
        if "choices" in options:
            offered = options["choices"] = _Offered(options["choices"])
            options["type"] = offered.parse
        if "type" in options:
            options["type"] = self._noted(names[0], options["type"], options.get("default"))
        return super().add_argument(*names, **options)

    def _noted(self, name: str, parse: Callable[[str], Any], default: Any) -> Callable[[str], Any]:
        """Return ``parse`` so that it notes a fault, and returns the default in its place."""

        def noted(text: str) -> Any:
            """Return the value that the text means, or the default."""
            try:
                return parse(text)
            except argparse.ArgumentTypeError as error:
                from costmodel.config.errors import Fault

                self.wrong.append(Fault(name, reason=str(error), got=repr(text)))
                return default

        return noted

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Return the namespace and no words: those that mean nothing are among what is wrong."""
        found, unused = super().parse_known_args(args, namespace)
        self.wrong += self._unused(unused)
        found.wrong = [*self.wrong, *getattr(found, "wrong", ())]
        return found, []

    def _unused(self, words: Sequence[str]) -> Iterator[Fault]:
        from costmodel.config.errors import Fault

        for before, word in zip(["", *words], words, strict=False):
            if word.startswith("-"):
                option = word.partition("=")[0]
                yield Fault(option, reason=self._unknown(option.lstrip("-")))
            elif not before.startswith("-"):  # else it is the value of what is unknown
                yield Fault(word, reason="is one word too many")

    def _unknown(self, name: str) -> str:
        """Return why an option of an unknown name is refused, and the known one nearest to it.

        Names come without their dashes: those are in all options, and make none alike.
        """
        from difflib import get_close_matches

        known = [each.lstrip("-") for each in self.options]
        # An option that begins so was cut short, however far.
        begun = [each for each in known if name and each.startswith(name)]
        near = get_close_matches(name, begun or known, n=1, cutoff=0.0 if begun else 0.5)
        return f"unknown option, did you mean '--{near[0]}'?" if near else "unknown option"

    def error(self, message: str) -> NoReturn:
        """Print usage and message, wrapped, and what else is wrong, and exit with 2."""
        told = [*map(str, self.wrong), f"{self.prog}: error: {message}"]
        self.exit(2, f"{self.format_usage()}{wrapped(chr(10).join(told))}\n")


def faults_in(args: argparse.Namespace) -> Faults:
    """Return a collector that begins with the faults of the words of the command line itself."""
    from costmodel.config.errors import Faults

    return Faults(getattr(args, "wrong", ()))


def wrapped(text: str) -> str:
    """Return lines of at most 76 columns, what continues one indented.

    The first word of a line stays whole, however long: editors follow ``file:line:col:``.
    """
    return "\n".join(_wrapped(line) for line in text.splitlines())


def _wrapped(line: str) -> str:
    place, _, rest = line.partition(" ")
    if len(place) <= WIDTH:
        return textwrap.fill(line, WIDTH, subsequent_indent=_INDENT, break_on_hyphens=False)
    below = textwrap.wrap(rest, WIDTH - len(_INDENT), break_on_hyphens=False)
    return "\n".join([place, *(_INDENT + part for part in below)])


def command(
    subparsers: Subparsers[argparse.ArgumentParser], name: str, about: str, *, epilog: str = ""
) -> argparse.ArgumentParser:
    """Add the parser of a command; ``epilog`` is printed below its options as it is."""
    return subparsers.add_parser(
        name, help=about, description=wrapped(f"{about[0].upper()}{about[1:]}."), epilog=epilog
    )


def several(
    parser: argparse.ArgumentParser, option: str, metavar: str, about: str, *, dest: str = ""
) -> None:
    """Add an option that may be given more than once: a list, empty by default."""
    named = {"dest": dest} if dest else {}
    parser.add_argument(option, action="append", default=[], metavar=metavar, help=about, **named)  # type: ignore[arg-type]


def add_assignments(parser: argparse.ArgumentParser) -> None:
    """Add ``--set KEY=VALUE``."""
    about = "change a number of a machine or a key of the scenario for this run"
    several(parser, "--set", "KEY=VALUE", about, dest="assignments")


def add_workload(parser: argparse.ArgumentParser) -> None:
    """Add the options of the workload; their default None means the value of the scenario."""
    known = " or ".join(", ".join(operation_names()).rsplit(", ", 1))
    parser.add_argument("--operation", metavar="OP", help=f"{known} (default {DEFAULT})")
    parser.add_argument(
        "--state",
        metavar="S",
        help="fork: state of the PTEs (default writable); zap: what unmaps them (default exit); "
        "mprotect: what changes (default to-read-only); mremap: moved, cold-moved; "
        "spawn: exit, exec",
    )
    parser.add_argument(
        "--frames",
        metavar="F",
        help="where folios lie: contiguous, or scattered (default of zap); or a part, "
        "'{scattered: 30%%}'",
    )
    parser.add_argument("--memory", metavar="SIZE", help="size of the mapping (default 1 GiB)")
    add_build(parser)


def add_scenario_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that replace keys of a scenario, or state a question without one."""
    several(parser, "--machine", "M", "only this machine")
    several(parser, "--strategy", "S", "only this one; or file.py:function, @NAME")
    several(parser, "--order", "N", "only this folio order: 0, 2 to 9")
    parser.add_argument("--baseline", metavar="S", help=f"compare with this (default {BASELINES})")
    add_workload(parser)
    add_assignments(parser)


def add_build(parser: argparse.ArgumentParser) -> None:
    """Add ``--build NAME``."""
    about = "price all strategies in this kernel build, such as gcc13-distro"
    parser.add_argument("--build", metavar="NAME", help=about)


def add_machine_and_strategy(parser: argparse.ArgumentParser) -> None:
    """Add ``MACHINE STRATEGY``."""
    parser.add_argument("machine", metavar="MACHINE", help="a name, or a machine file")
    parser.add_argument("strategy", metavar="STRATEGY", help="a name; or file.py:function")
    parser.set_defaults(positional=("machine", "strategy"))


def add_json(parser: argparse.ArgumentParser, what: str) -> None:
    """Add ``--json FILE``."""
    about = f"also write {what} there; - is standard output, alone"
    parser.add_argument("--json", metavar="FILE", help=about)


def add_format(parser: argparse.ArgumentParser, *more: str, about: str = "") -> None:
    """Add ``--format text|markdown|csv``, and ``more`` forms, which ``about`` explains."""
    parser.add_argument(
        "--format",
        choices=("text", "markdown", "csv", *more),
        default="text",
        help=f"of what is printed: for a mail (default), a web page, a program{about}",
    )


def add_jobs(parser: argparse.ArgumentParser, *, most: int | None = None) -> None:
    """Add ``--jobs N``; None means one per CPU, at most ``most``."""
    few = f", at most {most}" if most else ""
    parser.add_argument(
        "--jobs",
        type=count(1),
        metavar="N",
        help=f"processes (default: one per CPU{few})",
    )


def given_options(args: argparse.Namespace, names: Iterable[str]) -> Iterator[str]:
    """Yield the options that were given, such as ``--no-noise``; ``names`` are their attributes."""
    for name in names:
        value = getattr(args, name, None)
        if value is not None and value is not False and value != []:
            yield "--set" if name == "assignments" else f"--{name.replace('_', '-')}"


def count(least: int) -> Callable[[str], int]:
    """Return the type of an option that is a whole number of at least ``least``."""

    def parse(text: str) -> int:
        number = int(text) if text.isascii() and text.isdigit() else least - 1
        if number < least:
            raise argparse.ArgumentTypeError(f"must be an integer of at least {least}")
        return number

    return parse
