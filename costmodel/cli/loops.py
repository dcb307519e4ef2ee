"""``costmodel loops``: compares a machine with loops that were measured on hardware."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from costmodel.cli.parser import add_json, command, faults_in, several

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from costmodel.cli.main import Subparsers
    from costmodel.config.machine import Machine

EPILOG = """\
FILE is a list of loops, see docs/loops.md:
  - {name: locks, ops: [[lock, 2, new-line], [add, 9, chain]], cycles: 16}
Without cycles a loop is only predicted. The package brings the loops of a
Zen 3, of a Zen 5 and of a Raptor Cove (Emerald Rapids).

examples:
  costmodel loops zen3 --machine epyc-milan
  costmodel loops raptor-cove --machine sapphire-rapids
  costmodel loops mine.yaml --machine ./mine-cpu.yaml --set core.width=4
"""


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``loops FILE --machine M [--set KEY=VALUE] [--json F]``."""
    about = "predict small loops, beside what hardware took for them"
    parser = command(subparsers, "loops", about, epilog=EPILOG)
    parser.add_argument(
        "file", metavar="FILE", help="loops to predict (YAML); or zen3, zen5, raptor-cove"
    )
    parser.add_argument("--machine", required=True, metavar="M", help="a name, or a machine file")
    several(parser, "--set", "KEY=VALUE", "change a number of the machine", dest="assignments")
    add_json(parser, "the results")


def run(args: argparse.Namespace) -> int:
    """Print a line per loop; raise ConfigError with every fault of file, machine and options."""
    from costmodel.cli.output import output
    from costmodel.config.resources import find_file
    from costmodel.loops.form import loops_path, read_loops
    from costmodel.loops.price import price_loop
    from costmodel.results.text.loops import loops_text

    faults = faults_in(args)
    inputs: list[Path] = []
    with faults.collected():
        inputs.append(loops_path(args.file))
        loops = read_loops(inputs[-1])
    with faults.collected():
        machine = _machine(args.machine, args.assignments)
        inputs.append(find_file("machines", args.machine))
    with faults.collected():
        target = output(args.json, inputs=inputs)
    faults.tell()
    priced = [price_loop(loop, machine) for loop in loops]
    target.show(loops_text(priced, machine.title))
    target.write_json(lambda: [each._asdict() for each in priced])
    return 0


def _machine(reference: str, assignments: Iterable[str]) -> Machine:
    """Return a machine with numbers changed; raise ConfigError with every fault of these.

    Loops run in user space: no thunk of a kernel is in their returns, unless one is asked for;
    ``mitigations=auto`` asks for those of the machine.
    """
    from costmodel.config.errors import ConfigError, Faults
    from costmodel.config.machine import load_machine
    from costmodel.config.overrides import parse_assignment

    machine = load_machine(reference, origin="--machine")
    faults = Faults()
    values: dict[str, object] = {}
    for text in assignments:
        with faults.collected():
            key, value = parse_assignment(text)
            values[key.removeprefix(f"{machine.name}.")] = value
    with faults.collected():
        booted = values.pop("mitigations", "off")
        if booted not in ("auto", "off"):
            reason = "must be 'auto' or 'off'"
            raise ConfigError.of("--set", reason, key="mitigations", got=repr(booted))
        if booted == "off":
            machine = machine.without_mitigations()
        machine = machine.with_values(values, origin="--set")
    faults.tell()
    return machine
