"""``costmodel sweep``: a question over ranges of numbers, kept in a folder."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from costmodel.cli.parser import add_jobs, add_scenario_options, command, faults_in, several

if TYPE_CHECKING:
    from costmodel.cli.main import Subparsers
    from costmodel.config.machine import Machine
    from costmodel.sweeps.study import SweepStudy

EPILOG = """\
STUDY is a scenario with two keys more, see docs/sweep.md:
  over: {tlbi.broadcast_ns: 5..500:20:log, memory: [64 MiB, 1 GiB]}
  sample: grid          or sobol, lhs with points: 1024

--over KEY=LOW..HIGH:N    N points along a range; :log spaces them evenly
                          in the logarithm
--over KEY=A,B,C          these values
--over KEY=own:N          from low to high of the machine file
--over uncertain          all numbers that are not known exactly

examples:
  costmodel sweep --machine ampere-altra --strategy contpte-per-pte \\
      --order 9 --over tlbi.broadcast_ns=5..500:20:log -o out/tlbi
  costmodel sweep lkml-fork --over uncertain --sample sobol \\
      --points 1024 -o out/uncertain

A sweep that was stopped goes on with the same command.
"""


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``sweep [STUDY] --over AXIS... -o DIR`` with its options."""
    about = "price a question over ranges of numbers, into a folder"
    parser = command(subparsers, "sweep", about, epilog=EPILOG)
    parser.add_argument(
        "scenario", nargs="?", metavar="STUDY", help="a study file, or a scenario with --over"
    )
    several(parser, "--over", "AXIS", "what varies, see below; may be repeated")
    # Design knows the kinds: they are checked with the other options of the sample.
    about = "which points (default grid)"
    parser.add_argument("--sample", metavar="{grid,sobol,lhs}", help=about)
    parser.add_argument("--points", metavar="N", help="how many, for sobol and lhs")
    parser.add_argument("--sample-seed", metavar="N", help="of the sample (default 1)")
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="the folder")
    add_scenario_options(parser)
    add_jobs(parser)
    parser.add_argument("--scheduler", metavar="ADDRESS", help="a Dask scheduler: tcp://host:8786")


def run(args: argparse.Namespace) -> int:
    """Compute what the folder lacks and print what it says; raise ConfigError for bad input."""
    from contextlib import ExitStack
    from pathlib import Path

    from tqdm import tqdm

    from costmodel.parallel import cpus
    from costmodel.results.text.sweep import sweep_text
    from costmodel.sweeps.folder import SweepFolder
    from costmodel.sweeps.work import cluster, compute, local

    study = _study(args)
    folder = SweepFolder.made_for(Path(args.output), study)
    missing = set(folder.missing())
    cells = {
        number: (chunk.last - chunk.first) * len(study.blocks[chunk.block].cells)
        for number, chunk in enumerate(study.chunks)
    }
    there = sum(cells[number] for number in cells if number not in missing)
    with ExitStack() as stack:
        if missing and args.scheduler:
            executor, workers = stack.enter_context(cluster(args.scheduler))
        else:
            workers = min(args.jobs or cpus(), max(1, len(missing)))
            executor = stack.enter_context(local(workers, study))
        bar = stack.enter_context(
            tqdm(
                total=study.cells,
                initial=there,
                unit="cell",
                unit_scale=True,
                file=sys.stderr,
                disable=None,
                leave=False,
            )
        )
        compute(study, folder, executor, workers=workers, done=lambda n: bar.update(cells[n]))
    print(sweep_text(study, folder, already=there), end="")
    return 0


def _study(args: argparse.Namespace) -> SweepStudy:
    """Return what the command asks for; raise ConfigError with every fault."""
    from pathlib import Path

    from costmodel.cli.question import ask, check_machines
    from costmodel.config.errors import ConfigError, Faults
    from costmodel.strategies.resolve import NamesByOperation
    from costmodel.sweeps.axes import parse_over
    from costmodel.sweeps.design import Design
    from costmodel.sweeps.file import load_study
    from costmodel.sweeps.folder import check_folder
    from costmodel.sweeps.study import axes_faults, sweep_study

    faults = faults_in(args)
    file = None
    unread = Faults()
    with unread.collected():
        if args.scenario:
            file = load_study(args.scenario, strategies=NamesByOperation())
    faults.found += unread.found
    design = Design() if file is None else file.design
    axes = {} if file is None else {axis.key: axis for axis in file.axes}
    places = {} if file is None else dict(file.places)
    asked = None
    if unread.found:
        check_machines(args, faults)
    else:
        with faults.collected():
            asked = ask(args, loaded=None if file is None else file.scenario, whole=False)
    given = parse_over(args.over, faults=faults)
    axes |= {axis.key: axis for axis in given}
    places = {key: place for key, place in places.items() if axes[key] not in given}
    try:
        design = design.changed(_options(args))
    except ConfigError as error:
        faults.found += error.faults
        design = Design(sample="lhs", points=2)  # asks nothing of axes, which are looked at anyway
    with faults.collected():
        check_folder(Path(args.output))
    varied = list(axes.values())
    named = args.machine or ([] if file is None else file.scenario.machines)
    if varied or not args.over:
        with faults.collected():
            if asked:
                study = sweep_study(*asked, varied, design, places=places)
            elif machines := dict(_machines(named)):
                faults.found += axes_faults(machines, varied, design, places=places)
    faults.tell()
    return study


def _machines(references: Iterable[str]) -> Iterator[tuple[str, Machine]]:
    """Yield those of the machines that can be read."""
    from costmodel.config.errors import ConfigError
    from costmodel.config.machine import load_machine

    for reference in references:
        with suppress(ConfigError):
            machine = load_machine(reference)
            yield machine.name, machine


def _options(args: argparse.Namespace) -> dict[str, object]:
    """Return what options say about the sample."""
    from costmodel.config.document import parse_scalar

    given = {key: getattr(args, key) for key in ("sample", "points", "sample_seed")}
    return {key: parse_scalar(value) for key, value in given.items() if value is not None}
