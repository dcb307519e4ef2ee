"""``costmodel report``: a result as one HTML file with pictures, tables and sliders."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from costmodel.cli.parser import (
    add_jobs,
    add_scenario_options,
    command,
    faults_in,
    given_options,
    several,
    wrapped,
)

if TYPE_CHECKING:
    from costmodel.cli.main import Subparsers
    from costmodel.config.errors import Faults
    from costmodel.results.document import ResultFile
    from costmodel.sweeps.axes import SweepAxis

SUFFIXES = (".html", ".htm")
SCENARIO_ONLY = ("baseline", "operation", "state", "frames", "memory", "build", "assignments",
                 "seed", "no_noise")  # fmt: skip

EPILOG = """\
The page needs no network and no other file. Its sliders have the numbers
that decide most on each machine, or those of --over: at most three. KEY is
a number of the machines, VALUES as for `costmodel sweep`: LOW..HIGH,
LOW..HIGH:N, LOW..HIGH:N:log, own:N, or A,B,C.

examples:
  costmodel report lkml-fork --machine ampere-altra -o out/altra.html
  costmodel report out/lkml-fork.json -o out/thread.html
  costmodel report lkml-fork --machine ampere-altra -o out/tlbi.html \\
      --over tlbi.broadcast_ns=1..1000:9:log --over tlbi.range=false,true
"""


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``report RESULT.json|SCENARIO -o FILE`` with its options."""
    about = "write a result or a scenario as one HTML page with sliders"
    parser = command(subparsers, "report", about, epilog=EPILOG)
    parser.add_argument(
        "scenario", metavar="RESULT.json|SCENARIO", help="a file of `run --json`, or a scenario"
    )
    parser.add_argument("-o", dest="output", required=True, metavar="FILE", help="an .html file")
    several(parser, "--over", "KEY[=VALUES]", "a slider for this number")
    add_scenario_options(parser)
    parser.add_argument("--seed", metavar="N", help="of all random numbers of a scenario")
    parser.add_argument("--no-noise", action="store_true", help="exact times, no deviations")
    add_jobs(parser)


def run(args: argparse.Namespace) -> int:
    """Write the page; raise ConfigError for bad input, before anything is computed."""
    from costmodel.config.errors import Fault, describe
    from costmodel.sweeps.axes import parse_over

    faults = faults_in(args)
    if Path(args.output).suffix not in SUFFIXES:
        faults.found.append(Fault("-o", reason="must end in .html", got=describe(args.output)))
    over = parse_over(args.over, faults=faults)
    from_file = args.scenario.endswith(".json")
    said = _of_file(args, over, faults) if from_file else _of_scenario(args, over, faults)
    print(wrapped(f"{args.output}: {said}"))
    return 0


def _of_file(args: argparse.Namespace, over: tuple[SweepAxis, ...], faults: Faults) -> str:
    """Write the page of a result file; return how much it shows."""
    from costmodel.cli.output import output
    from costmodel.config.errors import Fault
    from costmodel.pages import page_of_file
    from costmodel.parallel import cpus
    from costmodel.results.reading import read_results

    reason = "needs a scenario, not a result file"
    faults.found += [Fault(name, reason=reason) for name in given_options(args, SCENARIO_ONLY)]
    with faults.collected():
        target = output(args.output, option="-o", inputs=[args.scenario])
    with faults.collected():
        results = read_results(Path(args.scenario)).only(
            machines=args.machine, strategies=args.strategy, orders=args.order
        )
    faults.tell()
    with _progress() as progress:
        text, why = page_of_file(results, over, jobs=args.jobs or cpus(), progress=progress)
    target.write(text.encode())
    said = _described(results)
    return f"{said}; no sliders: {why}" if why else said


def _of_scenario(args: argparse.Namespace, over: tuple[SweepAxis, ...], faults: Faults) -> str:
    """Write the page of a scenario; return how much it shows."""
    from costmodel.cli.output import output
    from costmodel.cli.question import ask, inputs, origin_of
    from costmodel.experiment import compare_cells
    from costmodel.ineffective import ineffective_by_machine
    from costmodel.pages import page_of_results
    from costmodel.parallel import cpus
    from costmodel.plan import plan
    from costmodel.results.build import result_file
    from costmodel.sweeps.what_if import check_over

    read: list[Path] = []
    with faults.collected():
        scenario, machines = ask(args)
        read = inputs(args, scenario)
        check_over(over, machines)
    with faults.collected():
        target = output(args.output, option="-o", inputs=read)
    faults.tell()
    noise, jobs = not args.no_noise, args.jobs or cpus()
    todo = plan(scenario, machines)
    with _progress() as progress:
        progress("results")
        comparisons = compare_cells(todo.cells, scenario.baseline, noise=noise, jobs=jobs)
        results = result_file(
            comparisons,
            origin_of(args, scenario, machines, noise=noise),
            title=scenario.title,
            left_out=todo.left_out,
            idle=ineffective_by_machine([c.result for c in comparisons]),
        )
        text = page_of_results(results, comparisons, over, jobs=jobs, progress=progress)
    target.write(text.encode())
    return _described(results)


def _described(results: ResultFile) -> str:
    """Return how much the page shows."""
    counts = ((len(results.machines), "machine"), (len(results.cells), "cell"))
    return ", ".join(f"{count} {word}{'s' * (count > 1)}" for count, word in counts)


@contextmanager
def _progress() -> Iterator[Callable[[str], object]]:
    """Give what shows on a terminal what is being done, and nothing elsewhere."""
    from tqdm import tqdm

    with tqdm(bar_format="{desc} ({elapsed})", file=sys.stderr, disable=None, leave=False) as bar:
        yield bar.set_description_str
