"""What ``explain``, ``breakeven`` and ``trace`` ask about: strategies on a machine and workload."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from costmodel.config.machine import Machine
    from costmodel.config.scenario import Scenario
    from costmodel.experiment import Cell


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a comparison: its baseline, its workload, where the answer goes."""
    parser.add_argument("--vs", metavar="BASELINE", help="compare with this (default v6.7)")
    add_workload_options(parser)
    parser.add_argument("--json", metavar="FILE", help="also write the answer there")


def add_workload_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what the strategies work on."""
    parser.add_argument("--order", metavar="N", help="folio order: 0, 2 to 9 (default 0)")
    parser.add_argument(
        "--operation", metavar="OP", default="fork", help="fork or zap (default fork)"
    )
    parser.add_argument(
        "--state",
        metavar="S",
        help="state of the PTEs (fork, default writable), or what unmaps them (zap, default exit)",
    )
    parser.add_argument("--memory", metavar="SIZE", help="size of the mapping (default 1 GiB)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="assignments",
        metavar="KEY=VALUE",
        help="change a number of the machine or of the workload",
    )


def question(
    args: argparse.Namespace, machine: str, *, default_order: int = 0
) -> tuple[Scenario, Machine]:
    """Return the scenario and the machine that the options describe, overrides applied.

    The scenario has one machine, one folio layout, ``--vs`` as baseline and one strategy. Raises
    ConfigError with every fault.
    """
    from costmodel.config.document import parse_scalar
    from costmodel.config.errors import ConfigError, unknown
    from costmodel.config.overrides import load_with_overrides
    from costmodel.config.scenario import Scenario
    from costmodel.operations.registry import operation_names
    from costmodel.strategies.catalogue import built_in
    from costmodel.strategies.resolve import known_names

    operation = args.operation
    if operation not in operation_names():
        raise ConfigError.of("--operation", unknown("operation", operation, operation_names()))
    names = known_names(operation)
    scenario = Scenario.model_validate(
        {
            "title": "a quick question",
            "operation": operation,
            "memory": "1 GiB",
            "machines": ["apple-m2-vm"],
            "folio_orders": [default_order],
            "baseline": next(iter(built_in(operation))),
        }
    )
    options: dict[str, tuple[str, Any]] = {
        "MACHINE": ("machines", [machine]),
        "STRATEGY": ("strategies", [args.strategy]),
    }
    if args.vs:
        options["--vs"] = ("baseline", args.vs)
    if args.order is not None:
        options["--order"] = ("folio_orders", [parse_scalar(args.order)])
    if args.state is not None:
        options["--state"] = ("state", args.state)
    if args.memory is not None:
        options["--memory"] = ("memory", parse_scalar(args.memory))
    for origin, (key, value) in options.items():
        scenario = scenario.replace({key: value}, origin=origin, strategies=names)
    scenario, machines = load_with_overrides(
        scenario, _qualified(scenario, args.assignments), strategies=names
    )
    return scenario, next(iter(machines.values()))


def cells(scenario: Scenario, machine: Machine) -> tuple[Cell, Cell]:
    """Return the cell of the strategy and that of the baseline.

    Raises ConfigError where one of them does not run on the machine.
    """
    from costmodel.plan import plan

    planned = plan(scenario, {machine.name: machine}).cells
    return planned[-1], planned[0]


def origin_of(args: argparse.Namespace, scenario: Scenario, machine: str) -> dict[str, Any]:
    """Return the provenance of an answer; see :func:`costmodel.provenance.provenance`."""
    from costmodel.config.resources import find
    from costmodel.provenance import provenance

    reference = scenario.machines[0]
    return provenance(
        command=["costmodel", args.command, *_words(args)],
        scenario=scenario.model_dump(mode="json"),
        seed=scenario.protocol.seed,
        machine_files={machine: find("machines", reference)},
        overrides=args.assignments,
        noise=False,
        engine="fast",
    )


def write_json(file: str, document: dict[str, Any]) -> None:
    """Write an answer as JSON; raise OSError where that is not possible."""
    import json
    from pathlib import Path

    from costmodel.files import write_text

    write_text(Path(file), json.dumps(document, indent=1, allow_nan=False) + "\n")


def _words(args: argparse.Namespace) -> list[str]:
    """Return the options in one spelling, without --json: it changes no number."""
    over = getattr(args, "over", None)
    first = [args.strategy, "--machine", args.machine] if over else [args.machine, args.strategy]
    named = {
        "--over": over,
        "--vs": args.vs,
        "--order": args.order,
        "--operation": None if args.operation == "fork" else args.operation,
        "--state": args.state,
        "--memory": args.memory,
    }
    words = [word for option, value in named.items() if value for word in (option, value)]
    return first + words + [word for text in args.assignments for word in ("--set", text)]


def _qualified(scenario: Scenario, assignments: list[str]) -> list[str]:
    """Put the machine's name before keys that only a machine can have."""
    from pathlib import Path

    from costmodel.config.machine import Machine

    name = Path(scenario.machines[0]).name.removesuffix(".yaml").removesuffix(".yml")
    groups = set(Machine.model_fields)
    return [
        f"{name}.{text}" if text.partition("=")[0].partition(".")[0] in groups else text
        for text in assignments
    ]
