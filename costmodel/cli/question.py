"""The question of a command: scenario and machines, from a file, or from options alone.

All commands and the Python functions have the same default question; see
:func:`costmodel.config.scenario.default_scenario`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from costmodel.cli.parser import BASELINES, add_assignments, add_json, add_workload, faults_in

if TYPE_CHECKING:
    from pathlib import Path

    from costmodel.cli.output import Output
    from costmodel.config.errors import Fault, Faults
    from costmodel.config.machine import Machine
    from costmodel.config.scenario import Scenario
    from costmodel.experiment import Cell

OPTIONS = {
    "machine": "machines",
    "strategy": "strategies",
    "order": "folio_orders",
    "operation": "operation",
    "state": "state",
    "frames": "frames",
    "memory": "memory",
    "build": "build",
    "baseline": "baseline",
    "vs": "baseline",
    "seed": "protocol.seed",
}
"""For each option of commands, by its attribute, the key of the scenario that it stands for."""
_WORDS = ("machine", "strategy", "operation", "state", "build", "baseline", "vs")
"""Options whose value is taken as text; all others are read like values in a file."""


def add_options(parser: argparse.ArgumentParser, *, vs_default: str = BASELINES) -> None:
    """Add the options of a comparison: its baseline, its workload, where the answer goes."""
    about = f"compare with this (default {vs_default})"
    parser.add_argument("--vs", metavar="BASELINE", help=about)
    add_question(parser)
    add_json(parser, "the answer")


def add_question(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what a single pair of strategies works on."""
    parser.add_argument("--order", metavar="N", help="folio order: 0, 2 to 9 (default 0)")
    add_workload(parser)
    add_assignments(parser)


def ask(
    args: argparse.Namespace, *, loaded: Scenario | None = None, whole: bool = True
) -> tuple[Scenario, dict[str, Machine]]:
    """Return the scenario and the machines by name that options describe, overrides applied.

    ``loaded`` is the scenario of the command where it was read already. Options and assignments
    replace keys of the scenario file, or without one, of the default question. All of them are
    checked together, and with ``whole`` whether strategies, builds and CPUs fit. Raises ConfigError
    with every fault.
    """
    from costmodel.config.document import Place
    from costmodel.config.errors import Faults
    from costmodel.config.overrides import load_with_overrides
    from costmodel.config.scenario import default_scenario, load_scenario, salvaged_scenario
    from costmodel.plan import plan_faults
    from costmodel.strategies.resolve import NamesByOperation

    reference = getattr(args, "scenario", None)
    names = NamesByOperation()
    faults = Faults()
    with faults.collected():
        _check_operation(args.operation, names)
    with faults.collected():
        if loaded is not None:
            scenario = loaded
        elif reference:
            scenario = load_scenario(reference, strategies=names)
        else:
            scenario = default_scenario(_operation(args, names))
    if faults.found:
        rest = salvaged_scenario(reference, faults.found, strategies=names) if reference else None
        if rest is None:  # without a question no other option can be checked
            check_machines(args, faults)
            faults.tell()
        else:
            scenario = rest
    whole_file = not faults.found

    def also(scenario: Scenario, machines: Mapping[str, Machine], *, is_whole: bool) -> list[Fault]:
        return plan_faults(scenario, machines, is_whole=is_whole and whole_file)

    said = dict(_options(args, faults))
    on = said.pop("machines", None)
    options = {key: (Place(file=at, names_key=True), value) for key, (at, value) in said.items()}
    with faults.collected():
        found = load_with_overrides(
            scenario,
            args.assignments,
            strategies=names,
            options=options,
            on=on,
            also=also if whole else None,
        )
    faults.tell()
    return found


def ask_and_open(
    args: argparse.Namespace, files: Mapping[str, str | None], faults: Faults | None = None
) -> tuple[Scenario, dict[str, Machine], tuple[Output, ...]]:
    """Return what :func:`ask` returns, and where options write; ``files`` has their values.

    Raises ConfigError with every fault of both, and with those that ``faults`` holds.
    """
    from costmodel.cli.output import outputs

    faults = faults or faults_in(args)
    read: list[Path] = []
    with faults.collected():
        scenario, machines = ask(args)
        read = inputs(args, scenario)
    with faults.collected():
        opened = outputs(files, inputs=read)
    faults.tell()
    return scenario, machines, opened


def ask_one(
    args: argparse.Namespace, files: Mapping[str, str | None], faults: Faults | None = None
) -> tuple[Scenario, Machine, tuple[Output, ...]]:
    """Return what :func:`ask_and_open` does, for commands that look at a cell of one machine."""
    scenario, machines, opened = ask_and_open(args, files, faults)
    (machine,) = machines.values()
    return scenario, machine, opened


def cells(scenario: Scenario, machine: Machine) -> tuple[Cell, Cell]:
    """Return the cell of the strategy and that of the baseline.

    Raises ConfigError where one of them does not run on the machine, and for a question about
    several workloads.
    """
    from costmodel.config.errors import ConfigError
    from costmodel.plan import plan

    several = [k for k in ("folio_orders", "cpus", "threads") if len(getattr(scenario, k)) > 1]
    if several:
        reason = "must be one here, not a list"
        raise ConfigError([scenario.fault((key,), reason) for key in several])
    planned = plan(scenario, {machine.name: machine}).cells
    return planned[-1], planned[0]


def inputs(args: argparse.Namespace, scenario: Scenario) -> list[Path]:
    """Return the files that a question is read from; results must not overwrite them."""
    from pathlib import Path

    from costmodel.config.resources import find_file

    files = [find_file("machines", reference) for reference in scenario.machines]
    if reference := getattr(args, "scenario", None):
        files.append(find_file("scenarios", reference))
    own = (name.rpartition(":")[0] for name in (*(scenario.strategies or ()), scenario.baseline))
    return files + [Path(name) for name in own if name]


def origin_of(
    args: argparse.Namespace,
    scenario: Scenario,
    machines: Iterable[str],
    *,
    noise: bool = False,
    engine: str = "fast",
) -> dict[str, Any]:
    """Return the provenance of an answer; see :func:`costmodel.provenance.provenance`."""
    import json

    from costmodel.config.resources import find_file
    from costmodel.provenance import provenance

    overrides = [f"{key}={json.dumps(value)}" for key, value in scenario.overrides.items()]
    files = [find_file("machines", reference) for reference in scenario.machines]
    return provenance(
        command=["costmodel", args.command, *words(args)],
        scenario=scenario.model_dump(mode="json"),
        seed=scenario.protocol.seed,
        machine_files=dict(zip(machines, files, strict=True)),
        overrides=[*overrides, *args.assignments],
        noise=noise,
        engine=engine,
    )


def words(args: argparse.Namespace) -> list[str]:
    """Return the words of the command in one spelling, without options that change no number."""
    given = vars(args)
    found = [given[name] for name in ("scenario", *_positional(args)) if given.get(name)]
    for name in ("over", *OPTIONS):
        values = given.get(name)
        if name not in _positional(args) and values is not None:
            for value in values if isinstance(values, list) else [values]:
                found += [f"--{name}", str(value)]
    found += [word for text in args.assignments for word in ("--set", text)]
    found += ["--no-noise"] if given.get("no_noise") else []
    engine = given.get("engine", "fast")
    return found if engine == "fast" else [*found, "--engine", engine]


def _options(args: argparse.Namespace, faults: Faults) -> Iterator[tuple[str, tuple[str, object]]]:
    """Yield the keys of the scenario that options stand for, with where each was said."""
    from costmodel.config.document import parse_scalar
    from costmodel.config.errors import Fault, describe

    for name, key in OPTIONS.items():
        value = getattr(args, name, None)
        if value is None or value == []:
            continue
        origin = name.upper() if name in _positional(args) else f"--{name}"
        if name == "state":
            value, text = _state(value), value
            if value is None:
                faults.found.append(Fault(origin, reason="is not YAML", got=describe(text)))
                continue
        elif name not in _WORDS:
            value = (
                [parse_scalar(v) for v in value] if isinstance(value, list) else parse_scalar(value)
            )
        yield key, (origin, value)


def _state(text: str) -> object:
    """Return a state that is written as text, or as in a file: as YAML, with or without its braces.

    ``mixed: {writable: 1, read-only: 15}`` has braces of its own. None for braces without YAML.
    """
    from costmodel.config.document import parse_scalar

    braced = text.strip()
    if not (braced.startswith("{") or braced.endswith("}")):
        return text
    found = parse_scalar(braced if braced.startswith("{") else f"{{{braced}}}")
    return None if isinstance(found, str) else found


def _positional(args: argparse.Namespace) -> Sequence[str]:
    """Return which of the options are arguments of this command."""
    found: Sequence[str] = getattr(args, "positional", ())
    return found


def _operation(args: argparse.Namespace, known: Mapping[str, object]) -> str:
    """Return the operation that a question without a scenario is about, the default if unsaid."""
    from costmodel.operations.registry import DEFAULT

    keys = (text.partition("=") for text in args.assignments)
    named = [value.strip() for key, _, value in keys if key.strip() == "operation"]
    last = [*([args.operation] if args.operation else []), *named][-1:]
    return last[0] if last and last[0] in known else DEFAULT


def check_machines(args: argparse.Namespace, faults: Faults) -> None:
    """Collect the faults of the machines that options name, where nothing else can be checked."""
    from costmodel.config.machine import load_machine

    origin = "MACHINE" if "machine" in _positional(args) else "--machine"
    named = args.machine or []
    for name in [named] if isinstance(named, str) else named:
        with faults.collected():
            load_machine(name, origin=origin)


def _check_operation(operation: str | None, known: Mapping[str, object]) -> None:
    from costmodel.config.errors import ConfigError, unknown

    if operation is not None and operation not in known:
        raise ConfigError.of("--operation", unknown("operation", operation, known))
