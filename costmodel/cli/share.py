"""``costmodel share``: which share of a real job a loop is, and what a change of it means."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING

from costmodel.cli.parser import add_jobs, command, faults_in, given_options
from costmodel.cli.question import add_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from costmodel.cli.main import Subparsers
    from costmodel.config.errors import Fault
    from costmodel.config.machine import Machine
    from costmodel.config.scenario import Scenario
    from costmodel.profile.consequence import Consequence
    from costmodel.profile.shares import Share

    Question = tuple[Scenario, dict[str, Machine]]

EPILOG = """\
PERF.TXT is what perf prints of a recording:
  perf record -g -p PID -- sleep 10
  perf script > perf.txt          (or: perf report --stdio > perf.txt)

examples:
  costmodel share perf.txt --comm redis-server
  costmodel share perf.txt --machine xeon-4210r --order 9 \\
      --strategy folio-batch-v6.12
"""


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``share PERF.TXT`` with its options."""
    about = "read a real profile: which share a loop is, what a change means for the job"
    parser = command(subparsers, "share", about, epilog=EPILOG)
    parser.add_argument("profile", metavar="PERF.TXT", help="text of perf script or perf report")
    parser.add_argument("--comm", metavar="NAME", help="only this command, as the whole job")
    parser.add_argument("--event", metavar="E", help="default: the one that counts time")
    parser.add_argument("--scenario", metavar="S", help="machine, memory and orders of this")
    parser.add_argument("--machine", metavar="M", help="with --strategy: the machine of the job")
    parser.add_argument("--strategy", metavar="S", help="what the loop would be")
    add_options(parser)
    add_jobs(parser)


def run(args: argparse.Namespace) -> int:
    """Print shares, and consequences where a strategy is named; raise ConfigError for bad input."""
    from pathlib import Path

    from costmodel.cli.output import output
    from costmodel.profile.read import read_profile
    from costmodel.profile.shares import LOOPS, share_of
    from costmodel.results.text.share import shares_text

    faults = faults_in(args)
    faults.found += _missing(args)
    with faults.collected():
        target = output(args.json, inputs=[args.profile])
    with faults.collected():
        profile = read_profile(Path(args.profile), event=args.event, comm=args.comm)
    questions: dict[str, Question] = {}
    if args.strategy:
        with faults.collected():
            questions = _questions(args)
    faults.tell()
    shares = {operation: share_of(profile, operation) for operation in LOOPS}
    titles = {operation: loop.title for operation, loop in LOOPS.items()}
    text = shares_text(profile, shares, titles, Path(args.profile).name)
    found: list[Consequence] = []
    if args.strategy:
        changed, found = _consequences(args, questions, shares)
        text += changed
    target.show(text)
    target.write_json(
        lambda: {
            "profile": {"form": profile.form, "event": profile.event, "samples": profile.samples},
            "shares": {operation: share.document() for operation, share in shares.items()},
            "consequences": [each.document() for each in found],
        }
    )
    return 0


def _missing(args: argparse.Namespace) -> Iterator[Fault]:
    """Yield a fault for each option that another one needs."""
    from costmodel.cli.question import OPTIONS
    from costmodel.config.errors import Fault

    if args.strategy and not (args.machine or args.scenario):
        yield Fault("--machine", reason="needed with --strategy, or a --scenario")
    if not args.strategy:
        for option in given_options(args, ("scenario", *OPTIONS, "assignments")):
            yield Fault(option, reason="needs --strategy")


def _questions(args: argparse.Namespace) -> dict[str, Question]:
    """Return scenario and machines by operation; raise ConfigError with every fault."""
    from costmodel.cli.question import ask
    from costmodel.config.errors import Faults

    found, faults = {}, Faults()
    operations: list[str] = []
    with faults.collected():
        operations = _operations(args)
    if faults.found:
        with faults.collected():
            ask(argparse.Namespace(**{**vars(args), "strategy": None, "operation": None}))
    for operation in operations:
        args.operation = operation
        with faults.collected():
            found[operation] = ask(args)
    faults.tell()
    return found


def _consequences(
    args: argparse.Namespace, questions: Mapping[str, Question], shares: Mapping[str, Share]
) -> tuple[str, list[Consequence]]:
    """Return what the strategy does to each loop that it is for, as text and as numbers."""
    from dataclasses import replace

    from costmodel.checking.verdict import verdicts_of
    from costmodel.config.errors import ConfigError
    from costmodel.experiment import compare_cells
    from costmodel.parallel import cpus
    from costmodel.plan import plan
    from costmodel.profile.consequence import consequence
    from costmodel.remarks import remarks
    from costmodel.results.text.explanation import builds_text
    from costmodel.results.text.layout import paragraph
    from costmodel.results.text.share import consequences_text
    from costmodel.settings import machine_title, what

    texts, everything, said = [], [], dict[str, None]()
    by_case: dict[str, list[Consequence]] = {}
    asked: dict[str, list[str]] = {}
    for operation, (scenario, machines) in questions.items():
        # The loop alone: what fork costs beside it is no part of the share.
        alone = {n: m.without_fixed_part() for n, m in machines.items()}
        todo = plan(scenario, alone)
        if todo.left_out:
            raise ConfigError.of("--strategy", todo.left_out[0].reason, got=repr(args.strategy))
        for each in compare_cells(
            todo.cells, scenario.baseline, noise=False, jobs=args.jobs or cpus()
        ):
            if each.is_baseline:
                continue
            cell = each.result.cell
            machine = machines[cell.machine.name]
            case = f"{cell.strategy} against {scenario.baseline} on {machine_title(machine, 60)}, "
            case += cell.workload.layout
            found = consequence(
                operation,
                cell.workload.layout,
                shares[operation],
                each.change.mean_pct,
                each.model.change_pct,
            )
            by_case.setdefault(case, []).append(found)
            build = builds_text(each.result, each.baseline, each.builds)
            asked.setdefault(case, []).append(f"{what(cell.workload)}, {build}")
            said |= dict.fromkeys(remarks(replace(cell, machine=machine)))
        said |= dict.fromkeys(verdicts_of(todo.cells))
    for case, found_of_case in by_case.items():
        texts.append(consequences_text(found_of_case, case, asked[case]))
        everything += found_of_case
    texts += [f"\n{paragraph(remark, hanging='  ')}\n" for remark in said]
    return "".join(texts), everything


def _operations(args: argparse.Namespace) -> list[str]:
    """Return the operations that a strategy is for: the one asked for, or all that have it."""
    from costmodel.config.errors import ConfigError
    from costmodel.config.scenario import load_scenario
    from costmodel.profile.shares import LOOPS
    from costmodel.strategies.resolve import operations_of

    asked = args.operation or (load_scenario(args.scenario).operation if args.scenario else None)
    if asked is not None:
        if asked not in LOOPS:
            reason = "has no loop of its own in a profile: ask for fork and for zap"
            place = "--operation" if args.operation else "--scenario"
            raise ConfigError.of(place, reason, got=repr(asked))
        return [asked]
    return [name for name in operations_of(args.strategy, origin="--strategy") if name in LOOPS]
