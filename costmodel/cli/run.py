"""``costmodel run``: the thread's tables for a scenario, or one quick question."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from costmodel.cli.parser import (
    add_format,
    add_jobs,
    add_json,
    add_scenario_options,
    command,
    faults_in,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from costmodel.cli.main import Subparsers
    from costmodel.config.errors import Fault
    from costmodel.results.document import ResultFile

EPILOG = """\
examples:
  costmodel run lkml-fork                    the scenario of that name
  costmodel run scenarios/mine.yaml --json out/mine.json
  costmodel run --machine ampere-altra --strategy contpte-per-pte --order 9
  costmodel run --machine xeon-4210r --strategy folio-batch-v6.9 \\
      --operation zap --state munmap
  costmodel run lkml-fork --set ampere-altra.tlbi.range=true
"""


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``run [SCENARIO]`` with its options."""
    about = "predict the tables of a scenario, or of one machine and strategy"
    parser = command(subparsers, "run", about, epilog=EPILOG)
    parser.add_argument("scenario", nargs="?", metavar="SCENARIO", help="a name or a YAML file")
    add_scenario_options(parser)
    parser.add_argument("--seed", metavar="N", help="of all random numbers")
    parser.add_argument("--no-noise", action="store_true", help="exact times, no deviations")
    add_json(parser, "all results")
    add_format(parser, "machines", about="; or a line for each machine")
    add_jobs(parser)
    parser.add_argument(
        "--engine",
        choices=("fast", "reference"),
        default="fast",
        help="reference: every micro-op an event, for small memories only",
    )


def run(args: argparse.Namespace) -> int:
    """Print the tables and write the JSON file; raise ConfigError for bad input."""
    from costmodel.cli.question import ask_and_open, origin_of
    from costmodel.config.errors import ConfigError
    from costmodel.experiment import compare_cells
    from costmodel.ineffective import ineffective_by_machine
    from costmodel.parallel import cpus
    from costmodel.plan import plan
    from costmodel.results.build import result_file
    from costmodel.simulation import Engine

    faults = faults_in(args)
    faults.found += _missing(args)
    scenario, machines, (target,) = ask_and_open(args, {"--json": args.json}, faults)
    engine = Engine(args.engine)
    todo = plan(scenario, machines)
    if args.format == "machines" and all(c.strategy == scenario.baseline for c in todo.cells):
        reason = f"compares strategies: name one beside the baseline, {scenario.baseline}"
        raise ConfigError.of("--format machines", reason)
    comparisons = compare_cells(
        todo.cells,
        scenario.baseline,
        noise=not args.no_noise,
        jobs=args.jobs or cpus(),
        engine=engine,
    )
    file = result_file(
        comparisons,
        origin_of(args, scenario, machines, noise=not args.no_noise, engine=args.engine),
        title=scenario.title,
        left_out=todo.left_out,
        idle=ineffective_by_machine([c.result for c in comparisons]),
    )
    target.show(_written(file, args.format))
    target.write_json(file.data)
    return 0


def _written(results: ResultFile, form: str) -> str:
    from costmodel.results.text.mail import mail

    if form == "text":
        return mail(results)
    if form == "machines":
        from costmodel.results.text.by_machine import by_machine

        return by_machine(results)
    from costmodel.results.tables import results_csv, results_markdown

    return results_csv(results) if form == "csv" else results_markdown(results)


def _missing(args: argparse.Namespace) -> Iterator[Fault]:
    """Yield a fault for what is missing: without a scenario, a machine and a strategy are named."""
    from costmodel.config.errors import Fault

    strategies = "strategies"
    if args.operation:
        strategies += f" --operation {args.operation}"
    for name, listed in (("machine", "machines"), ("strategy", strategies)):
        if not (args.scenario or getattr(args, name)):
            reason = f"needed where no SCENARIO is given (see: costmodel {listed})"
            yield Fault(f"--{name}", reason=reason)
