"""``costmodel cache``: what is kept on disk."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from costmodel.cli.parser import add_jobs, command, faults_in

if TYPE_CHECKING:
    from costmodel.cli.main import Subparsers

EPILOG = """\
Answers are kept by all that they depend on: machine, workload, strategy,
protocol, and the program itself; the texts of commands by their words and
the files that they read. What a core executes is kept for new numbers of
machines. Nothing of your own strategies is kept.
COSTMODEL_CACHE=DIR puts them elsewhere, COSTMODEL_CACHE=off keeps none.
"""


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``cache [--clear|--warm]``."""
    about = "show or clear what is kept on disk of earlier answers"
    parser = command(subparsers, "cache", about, epilog=EPILOG)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--clear", action="store_true", help="forget them")
    what.add_argument("--warm", action="store_true", help="price all shipped scenarios")
    add_jobs(parser)


def run(args: argparse.Namespace) -> int:
    """Print what is kept; raise ConfigError for bad input."""
    from costmodel.config.errors import Fault
    from costmodel.files import why_not
    from costmodel.store import VARIABLE, the_store

    faults = faults_in(args)
    if args.jobs is not None and not args.warm:
        faults.found.append(Fault("--jobs", reason="needs --warm"))
    store = the_store()
    if args.warm and store.path is not None and not store.can_keep():
        faults.found.append(
            Fault("--warm", reason="nothing can be kept there", got=str(store.path))
        )
    faults.tell()
    if store.path is None:
        print(f"nothing is kept: {VARIABLE} says off, or there is no home directory")
        return 0
    if args.clear:
        store.clear()
    if args.warm:
        _warm(args.jobs)
    size = store.size()
    reason = why_not(store.path)
    if reason and not size.entries:
        print(f"nothing is kept: {store.path} {reason}")
        return 0
    of = f"of at most {store.limit_bytes >> 20} MiB"
    print(f"{size.entries:,} values, {size.bytes / 2**20:.1f} MiB {of}\n{size.path}")
    return 0


def _warm(jobs: int | None) -> None:
    """Price every shipped scenario, one strategy after the other."""
    import sys

    from tqdm import tqdm

    from costmodel.config.overrides import load_with_overrides
    from costmodel.config.resources import names
    from costmodel.config.scenario import load_scenario
    from costmodel.experiment import compare_cells
    from costmodel.parallel import cpus
    from costmodel.plan import plan
    from costmodel.strategies.resolve import NamesByOperation

    known = NamesByOperation()
    with tqdm(names("scenarios"), file=sys.stderr, disable=None, leave=False) as bar:
        for name in bar:
            bar.set_description(name)
            scenario = load_scenario(name, strategies=known)
            planned = plan(*load_with_overrides(scenario, strategies=known))
            compare_cells(planned.cells, scenario.baseline, jobs=jobs or cpus())
