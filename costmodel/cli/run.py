"""``costmodel run``: the thread's tables for a scenario, or one quick question."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from costmodel.cli.main import Subparsers
    from costmodel.config.scenario import Scenario
    from costmodel.experiment import Comparison

EPILOG = """\
examples:
  costmodel run lkml-fork                    the scenario of that name
  costmodel run scenarios/mine.yaml --json out/mine.json
  costmodel run --machine ampere-altra --strategy contpte-per-pte --order 9
  costmodel run lkml-fork --set ampere-altra.tlbi.range=true --set memory='2 GiB'
"""


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``run [SCENARIO]`` with its options."""
    parser = subparsers.add_parser(
        "run",
        help="predict the tables of a scenario, or of one machine and strategy",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("scenario", nargs="?", metavar="SCENARIO", help="a name or a YAML file")
    several: dict[str, Any] = {"action": "append", "default": []}
    parser.add_argument("--machine", **several, metavar="M", help="only this machine")
    parser.add_argument(
        "--strategy", **several, metavar="S", help="only this one; or file.py:function, @NAME"
    )
    parser.add_argument("--vs", metavar="BASELINE", help="compare with this (default v6.7)")
    parser.add_argument("--order", **several, metavar="N", help="only this folio order: 0, 2 to 9")
    parser.add_argument(
        "--set",
        **several,
        dest="assignments",
        metavar="KEY=VALUE",
        help="change a number of a machine or of the scenario for this run",
    )
    parser.add_argument("--seed", metavar="N", help="of all random numbers")
    parser.add_argument("--no-noise", action="store_true", help="exact times, no deviations")
    parser.add_argument("--json", metavar="FILE", help="also write all results there")
    parser.add_argument("--jobs", type=_jobs, metavar="N", help="processes (default: one per CPU)")
    parser.add_argument(
        "--engine",
        choices=("fast", "reference"),
        default="fast",
        help="reference: every micro-op an event, for small memories only",
    )


def run(args: argparse.Namespace) -> int:
    """Print the tables and write the JSON file; raise ConfigError for bad input."""
    from costmodel import __version__
    from costmodel.config.overrides import load_with_overrides
    from costmodel.experiment import compare, run_cells
    from costmodel.parallel import cpus
    from costmodel.plan import plan
    from costmodel.results.text.mail import mail
    from costmodel.simulation import Engine
    from costmodel.strategies.resolve import known_names

    names = known_names()
    scenario, machines = load_with_overrides(
        scenario_of(args, names), args.assignments, strategies=names
    )
    todo = plan(scenario, machines)
    results = run_cells(
        todo.cells, noise=not args.no_noise, jobs=args.jobs or cpus(), engine=Engine(args.engine)
    )
    comparisons = compare(results, scenario.baseline)
    text = mail(comparisons, title=scenario.title, version=__version__, left_out=todo.left_out)
    if args.json:
        _write_json(args, scenario, machines, comparisons)
    print(text, end="")
    return 0


def scenario_of(args: argparse.Namespace, names: Sequence[str]) -> Scenario:
    """Return the scenario that the options ask for, the machine overrides not yet applied."""
    from costmodel.config.document import parse_scalar
    from costmodel.config.scenario import load_scenario

    scenario = (
        load_scenario(args.scenario, strategies=names) if args.scenario else _quick_question(args)
    )
    options: dict[str, tuple[str, object]] = {}
    if args.machine:
        options["--machine"] = ("machines", args.machine)
    if args.strategy:
        options["--strategy"] = ("strategies", args.strategy)
    if args.order:
        options["--order"] = ("folio_orders", [parse_scalar(order) for order in args.order])
    if args.vs is not None:
        options["--vs"] = ("baseline", args.vs)
    if args.seed is not None:
        options["--seed"] = ("protocol.seed", parse_scalar(args.seed))
    for origin, (key, value) in options.items():
        scenario = scenario.replace({key: value}, origin=origin, strategies=names)
    return scenario


def _quick_question(args: argparse.Namespace) -> Scenario:
    """Return a scenario of 1 GiB against v6.7 whose machines and strategies options fill in."""
    from costmodel.config.errors import ConfigError, Fault
    from costmodel.config.scenario import Scenario

    missing = [name for name in ("machine", "strategy") if not getattr(args, name)]
    if missing:
        reason = "needed where no SCENARIO is given"
        raise ConfigError([Fault(f"--{name}", reason=reason) for name in missing])
    return Scenario.model_validate(
        {
            "title": "a quick question",
            "operation": "fork",
            "memory": "1 GiB",
            "machines": ["apple-m2-vm"],
            "folio_orders": [0],
            "baseline": "v6.7",
        }
    )


def _write_json(
    args: argparse.Namespace,
    scenario: Scenario,
    machines: Iterable[str],
    comparisons: Sequence[Comparison],
) -> None:
    import json
    from pathlib import Path

    from costmodel.config.resources import find
    from costmodel.files import write_text
    from costmodel.provenance import provenance
    from costmodel.results.result_json import result_json

    overrides = [f"{key}={json.dumps(value)}" for key, value in scenario.overrides.items()]
    files = [find("machines", reference) for reference in scenario.machines]
    origin = provenance(
        command=_command(args),
        scenario=scenario.model_dump(mode="json"),
        seed=scenario.protocol.seed,
        machine_files=dict(zip(machines, files, strict=True)),
        overrides=[*overrides, *args.assignments],
        noise=not args.no_noise,
        engine=args.engine,
    )
    write_text(Path(args.json), result_json(comparisons, origin))


def _command(args: argparse.Namespace) -> list[str]:
    """Return the command in one spelling, without --json and --jobs: they change no number."""
    words = ["costmodel", "run", *([args.scenario] if args.scenario else [])]
    repeated = {
        "--machine": args.machine,
        "--strategy": args.strategy,
        "--order": args.order,
        "--set": args.assignments,
    }
    for option, values in repeated.items():
        for value in values:
            words += [option, value]
    words += [] if args.vs is None else ["--vs", args.vs]
    words += [] if args.seed is None else ["--seed", args.seed]
    words += ["--no-noise"] if args.no_noise else []
    return words if args.engine == "fast" else [*words, "--engine", args.engine]


def _jobs(text: str) -> int:
    jobs = int(text) if text.isdigit() else 0
    if jobs < 1:
        raise argparse.ArgumentTypeError(f"must be an integer of at least 1 (got {text!r})")
    return jobs
