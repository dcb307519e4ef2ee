"""``costmodel explain``: where the nanoseconds go, and which micro-ops make the difference."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from costmodel.cli.parser import add_jobs, add_machine_and_strategy, command
from costmodel.cli.question import add_options

if TYPE_CHECKING:
    from costmodel.cli.main import Subparsers

MOST_JOBS = 2
"""The most processes by default: to start more takes longer than they save."""

EPILOG = """\
examples:
  costmodel explain xeon-4210r folio-batch-v6.9 --order 9
  costmodel explain ampere-altra contpte-per-pte --order 4 \\
      --vs contpte-folio-batch-v6.9 --set tlbi.range=true
"""


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``explain MACHINE STRATEGY`` with its options."""
    about = "show why a strategy is faster or slower on a machine"
    parser = command(subparsers, "explain", about, epilog=EPILOG)
    add_machine_and_strategy(parser)
    add_options(parser)
    add_jobs(parser, most=MOST_JOBS)


def run(args: argparse.Namespace) -> int:
    """Print the explanation; raise ConfigError for bad input."""
    from costmodel.checking.verdict import verdicts_of
    from costmodel.cli.question import ask_one, cells, origin_of
    from costmodel.explaining.attribution import explained
    from costmodel.ineffective import ineffective
    from costmodel.parallel import cpus
    from costmodel.results.text.explanation import explanation_document, explanation_text

    scenario, machine, (target,) = ask_one(args, {"--json": args.json})
    new, base = cells(scenario, machine)
    explanation = explained(new, base, jobs=args.jobs or min(MOST_JOBS, cpus()))
    idle = ineffective([explanation.base.result, explanation.new.result])
    verdicts = verdicts_of((new, base))
    text = explanation_text(explanation, idle=idle, verdicts=verdicts)
    target.show(text)
    origin = origin_of(args, scenario, [machine.name])
    target.write_json(lambda: explanation_document(explanation, origin, verdicts))
    return 0
