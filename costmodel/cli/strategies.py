"""``costmodel strategies``: lists the strategies of page-table operations."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from costmodel.cli.parser import command, faults_in
from costmodel.operations.registry import DEFAULT, operation_names
from costmodel.units import WIDTH

if TYPE_CHECKING:
    from costmodel.cli.main import Subparsers
    from costmodel.operations.shared.strategy import Strategy

_NAME = 33


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``strategies [STRATEGY]...``."""
    parser = command(subparsers, "strategies", "list strategies, or show what stands behind one")
    parser.add_argument(
        "strategy", nargs="*", metavar="STRATEGY", help="a name from the list, or file.py:function"
    )
    parser.add_argument(
        "--operation", choices=operation_names(), default=DEFAULT, help="default: %(default)s"
    )


def run(args: argparse.Namespace) -> int:
    """Print to stdout; raise ConfigError for an unknown strategy or a file with faults."""
    from costmodel.strategies.resolve import known_names, resolve

    names = args.strategy or known_names(args.operation)
    found, faults = [], faults_in(args)
    for name in names:
        with faults.collected():
            found.append(resolve(name, operation=args.operation, origin="STRATEGY"))
    faults.tell()
    lines = describe_strategies(found) if args.strategy else list_strategies(found)
    print("\n".join(lines))
    return 0


def list_strategies(strategies: Sequence[Strategy]) -> Iterator[str]:
    """Yield one line per strategy (name, instruction sets, what it is), and whose code they are."""
    yield f"{'name':<{_NAME}} what it is (* arm64 only)"
    for strategy in strategies:
        star = "" if "x86_64" in strategy.programs else "*"
        name = strategy.name + star
        room = WIDTH - 1 - max(_NAME, len(name))
        yield f"{name:<{_NAME}} {textwrap.shorten(strategy.summary, room, placeholder='...')}"
    yield ""
    yield from textwrap.wrap(_sources(strategies), WIDTH, break_on_hyphens=False)


def _sources(strategies: Iterable[Strategy]) -> str:
    """Say which code was recorded as it was released, and that all other is recreated."""
    from costmodel.strategies.sources import source_of_strategy

    sources = {strategy.name: source_of_strategy(strategy) for strategy in strategies}
    real: dict[str, list[str]] = {}
    for name, source in sources.items():
        if source and source.unmodified:
            real.setdefault(source.of.partition(",")[0], []).append(name)
    known = "; ".join(f"{', '.join(names)} ({of})" for of, names in real.items())
    return (
        f"Recorded of unmodified source: {known or 'none'}. "
        "Other loops are recreated in such a tree, from a posting or a release: "
        "`costmodel strategies NAME` says from which, and which builds there are."
    )


def describe_strategies(strategies: Iterable[Strategy]) -> Iterator[str]:
    """Yield for each strategy what it is, whose code, and which recorded programs it executes."""
    from costmodel.strategies.builds import builds_for
    from costmodel.strategies.sources import source_of_strategy

    for strategy in strategies:
        yield from textwrap.wrap(f"{strategy.name}: {strategy.summary}", WIDTH)
        source = source_of_strategy(strategy)
        if source is not None:
            yield from _fact("source", str(source))
        for isa, program in strategy.programs.items():
            yield f"  {isa:<12} {program}"
            yield from _fact("  builds", ", ".join(builds_for(strategy, isa)))
        for isa, program in strategy.range_programs.items():
            yield f"  {isa + ' range':<12} {program}"


def _fact(label: str, text: str) -> list[str]:
    """Return a labelled line, wrapped below its text."""
    return textwrap.wrap(
        text, WIDTH, initial_indent=f"  {label:<12} ", subsequent_indent=" " * 15,
        break_on_hyphens=False,
    )  # fmt: skip
