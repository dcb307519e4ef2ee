"""``costmodel machines``: list the machines, or print one with every number and its source."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from costmodel.cli.parser import command, faults_in
from costmodel.units import WIDTH

if TYPE_CHECKING:
    from costmodel.cli.main import Subparsers
    from costmodel.config.machine import Machine
    from costmodel.config.parameter import ParameterLike


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``machines [MACHINE]...``."""
    parser = command(subparsers, "machines", "list machines, or show one with its sources")
    parser.add_argument(
        "machine", nargs="*", metavar="MACHINE", help="a name from the list, or a machine file"
    )


def run(args: argparse.Namespace) -> int:
    """Print to stdout; raise ConfigError for an unknown machine or a file with faults."""
    from costmodel.config.machine import load_machine
    from costmodel.config.resources import names

    machines, faults = [], faults_in(args)
    for name in args.machine or names("machines"):
        with faults.collected():
            machines.append(load_machine(name, origin="MACHINE"))
    faults.tell()
    if args.machine:
        print("\n\n".join("\n".join(describe_machine(machine)) for machine in machines))
    else:
        print("\n".join(list_machines(machines)))
    return 0


def list_machines(machines: list[Machine]) -> Iterator[str]:
    """Yield one line per machine, with how many of its numbers have no source."""
    yield f"{'name':<16} {'title':<22} {'isa':<7} {'GHz':>5}  parameters (inferred)"
    for machine in machines:
        total = len(machine.parameters)
        clock = machine.core.clock_ghz.value
        yield (
            f"{machine.name:<16} {machine.title:<22} {machine.isa:<7} {clock:>5.2f}"
            f"  {total} ({_inferred(machine)})"
        )


def describe_machine(machine: Machine) -> Iterator[str]:
    """Yield every parameter with value, interval, kind and source, in at most 76 columns."""
    yield f"{machine.title} ({machine.name}, {machine.isa})"
    total = len(machine.parameters)
    kinds = ", ".join(f"{count} {kind}" for kind, count in _kinds(machine).items() if count)
    yield from textwrap.wrap(f"{total} parameters: {kinds}.", WIDTH)
    yield from textwrap.wrap(
        f"Caution: {_inferred(machine)} of {total} parameters are inferred,"
        " not sourced: check what depends on them.",
        WIDTH,
    )
    group = ""
    for key, parameter in machine.parameters.items():
        if key.split(".")[0] != group:
            group = key.split(".")[0]
            yield ""
        yield f"{key:<36} {_value(key, parameter)}"
        yield from textwrap.wrap(
            f"{parameter.kind}: {parameter.source}",
            WIDTH,
            initial_indent="    ",
            subsequent_indent="    ",
            break_on_hyphens=False,
        )


def _kinds(machine: Machine) -> dict[str, int]:
    """Return the number of parameters by kind (measured, documented, ...), best known first."""
    from typing import get_args

    from costmodel.config.parameter import Kind

    kinds = [parameter.kind for parameter in machine.parameters.values()]
    return {kind: kinds.count(kind) for kind in get_args(Kind)}


def _inferred(machine: Machine) -> int:
    return _kinds(machine)["inferred"]


def _value(key: str, parameter: ParameterLike) -> str:
    """Return ``4.7 (4.5 to 5)``; a choice has no interval."""
    from costmodel.config.parameter import Choice

    value = _number(key, parameter.value)
    if isinstance(parameter, Choice):
        return value
    return f"{value} ({_number(key, parameter.low)} to {_number(key, parameter.high)})"


def _number(key: str, value: object) -> str:
    from costmodel.config.parameter import SIZE_KEYS
    from costmodel.config.sizes import size_text

    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and key.endswith(SIZE_KEYS):
        return size_text(value)
    return f"{value:g}" if isinstance(value, float) else str(value)
