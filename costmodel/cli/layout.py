"""``costmodel layout``: how the memory of a running process is laid out, as a scenario."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from costmodel.cli.parser import add_json, command, faults_in, several

if TYPE_CHECKING:
    from pathlib import Path

    from costmodel.cli.main import Subparsers

EPILOG = """\
Anybody sees the sizes of own processes; root also sees page frames: folio
orders and how far memory lies together. What could not be seen is said.

examples:
  costmodel layout $(pidof redis-server) -o redis.yaml
  costmodel run redis.yaml --strategy folio-batch-v6.12
  costmodel layout redis.smaps -o redis.yaml     (cat /proc/PID/smaps)
"""


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``layout PID`` with its options."""
    about = "read how the memory of a live process lies, and write it as a scenario"
    parser = command(subparsers, "layout", about, epilog=EPILOG)
    parser.add_argument("process", metavar="PID", help="its number; or a copy of its smaps")
    parser.add_argument("-o", dest="output", metavar="FILE", help="the scenario file to write")
    several(parser, "--machine", "M", "of the scenario (default: the nearest to this one)")
    parser.add_argument("--operation", metavar="OP", help="of the scenario (default fork)")
    add_json(parser, "what was found")


def run(args: argparse.Namespace) -> int:
    """Print and write; raise ConfigError for bad input."""
    import datetime

    from costmodel.cli.output import outputs
    from costmodel.config.errors import Fault, unknown
    from costmodel.config.machine import load_machine
    from costmodel.layout.found import read_layout
    from costmodel.layout.scenario_text import scenario_text
    from costmodel.operations.registry import DEFAULT, operation_names
    from costmodel.results.text.layout_found import layout_text

    files = {"-o": args.output, "--json": args.json}
    faults = faults_in(args)
    with faults.collected():
        scenario, target = outputs(files, inputs=[args.process])
    operation = args.operation or DEFAULT
    if operation not in operation_names():
        reason = unknown("operation", operation, operation_names())
        faults.found.append(Fault("--operation", reason=reason, got=repr(operation)))
    for name in args.machine:
        with faults.collected():
            load_machine(name, origin="--machine")
    with faults.collected():
        found = read_layout(args.process)
    faults.tell()
    machines = [_reference(name, scenario.path) for name in args.machine]
    if not (scenario.is_stdout or target.is_stdout):
        print(layout_text(found), end="", flush=True)
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    text = scenario_text(found, machines or [_nearest()], operation, today)
    scenario.write(text.encode())
    target.write_json(found.document)
    if scenario.path:
        target.show(f"written; next: costmodel run {scenario.path} --strategy S\n")
    return 0


def _reference(name: str, scenario: Path | None) -> str:
    """Return a machine as a scenario names it: files relative to its own folder."""
    import os

    from costmodel.config.resources import is_path

    if scenario is None or not is_path(name):
        return name
    found = os.path.relpath(name, scenario.parent)
    return found if os.sep in found else f".{os.sep}{found}"


def _nearest() -> str:
    from costmodel.measure.likeness import nearest
    from costmodel.measure.system import read_system

    return nearest(read_system())[0].name
