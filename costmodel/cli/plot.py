"""``costmodel plot``: pictures of a result file or a scenario, for a mail, a talk or a README."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from costmodel.cli.parser import (
    add_assignments,
    add_build,
    add_jobs,
    command,
    count,
    faults_in,
    given_options,
    several,
    wrapped,
)

if TYPE_CHECKING:
    from costmodel.cli.main import Subparsers
    from costmodel.config.errors import Faults
    from costmodel.config.machine import Machine
    from costmodel.config.scenario import Scenario
    from costmodel.results.plots.picture import Picture

_SCENARIO_ONLY = ("assignments", "build", "seed", "no_noise")
_SWEPT = "is not for the folder of a sweep, whose picture is the change over a number"
_NOT_MEASURED = "is not for a file of `measure`, which has one picture"
KINDS = ("change", "order", "stack", "samples", "cpus", "shared", "timeline")
ALL_ORDERS = (0, *range(2, 10))
"""The folio orders that anonymous memory can have in the kernel."""

PTES = 2
"""Entries of a timeline where nothing is said: more are hard to tell apart."""
MOST_JOBS = 2
"""More processes than this cost more to start than they save."""

EPILOG = """\
kinds:
  change     change of run time per strategy, predicted and published
             (default)
  order      ns per PTE over folio order; a scenario is run at every order
  stack      ns per PTE split by cause
  samples    every iteration of every run (of a scenario)
  cpus       time and throughput over CPUs (cpus: or threads:); one number
             in a scenario stands for all powers of two
  shared     how busy shared things are over CPUs
  timeline   the out-of-order window over a few PTEs: what waits for what
             (of a scenario)

examples:
  costmodel plot lkml-fork -o out/thread.svg
  costmodel plot lkml-fork --kind stack -o out/stack.png
  costmodel plot out/tlbi -o out/tlbi.svg        the folder of a sweep
  costmodel plot lkml-fork --ascii --machine xeon-4210r
  costmodel plot mine.json -o mine.svg     (of `measure --json`)
  costmodel plot lkml-fork --kind timeline --machine xeon-4210r --ptes 3
  costmodel plot lkml-fork-cpus --kind cpus --set cpus=1,8,32
"""


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``plot RESULT.json|SCENARIO`` with its options."""
    about = "draw a result file or a scenario as SVG, PNG or text"
    parser = command(subparsers, "plot", about, epilog=EPILOG)
    parser.add_argument(
        "scenario",
        metavar="RESULT.json|SCENARIO|DIR",
        help="a file of `run --json`, a scenario, or the folder of a sweep",
    )
    parser.add_argument(
        "--kind", choices=KINDS, default="change", metavar="KIND", help="what to draw, see below"
    )
    parser.add_argument("-o", dest="output", metavar="FILE", help="an .svg or .png file")
    parser.add_argument("--ascii", action="store_true", help="print the changes as a text chart")
    several(parser, "--machine", "M", "only this machine")
    several(parser, "--strategy", "S", "only this and the baseline")
    several(parser, "--order", "N", "only this folio order")
    add_build(parser)
    add_assignments(parser)
    parser.add_argument("--seed", metavar="N", help="of all random numbers of a scenario")
    parser.add_argument("--no-noise", action="store_true", help="exact times, no deviations")
    add_jobs(parser, most=MOST_JOBS)
    parser.add_argument(
        "--ptes", type=count(1), metavar="N", help=f"of a timeline (default {PTES})"
    )
    about = "of a sweep: draw over this number (default: what changes follow most)"
    parser.add_argument("--over", metavar="KEY", help=about)
    parser.set_defaults(operation=None)


def run(args: argparse.Namespace) -> int:
    """Write the picture or print the chart; raise ConfigError for bad input."""
    from costmodel.cli.output import output
    from costmodel.config.errors import Fault
    from costmodel.results.plots.picture import check_suffix
    from costmodel.results.text.layout import ascii_only

    faults = faults_in(args)
    file = Path(args.output or f"{Path(args.scenario).stem}-{args.kind}.svg")
    if args.ascii and (args.kind != "change" or args.output):
        faults.found.append(Fault("--ascii", reason="prints changes: leave --kind and -o out"))
    if args.ptes is not None and args.kind != "timeline":
        faults.found.append(Fault("--ptes", reason="is for --kind timeline"))
    if not args.ascii:
        with faults.collected():
            check_suffix(file)
        with faults.collected():
            output(str(file), option="-o", inputs=[args.scenario])
    text, picture = "", None
    if Path(args.scenario).is_dir():
        picture = _of_sweep(args, faults)
    else:
        if args.over is not None:
            fault = Fault("--over", reason="is for the folder of a sweep", got=repr(args.over))
            faults.found.append(fault)
        from_file = args.scenario.endswith(".json")
        text, picture = (_of_file if from_file else _of_scenario)(args, faults)
    if picture is None:
        print(text, end="")
    else:
        picture.save(file)
        print(wrapped(f"{file}: {ascii_only(picture.description)}"))
    return 0


def _of_file(args: argparse.Namespace, faults: Faults) -> tuple[str, Picture | None]:
    from costmodel.config.errors import Fault
    from costmodel.measure.document import is_measured
    from costmodel.results.plots.ascii import ascii_chart
    from costmodel.results.plots.draw import draw
    from costmodel.results.reading import read_results

    if Path(args.scenario).is_file() and is_measured(Path(args.scenario)):
        return "", _of_measured(args, faults)
    refused = [*given_options(args, _SCENARIO_ONLY)]
    refused += ["--kind timeline"] if args.kind == "timeline" else []
    reason = "needs a scenario, not a result file"
    faults.found += [Fault(option, reason=reason) for option in refused]
    with faults.collected():
        results = read_results(Path(args.scenario)).only(
            machines=args.machine, strategies=args.strategy, orders=args.order
        )
    faults.tell()
    return (ascii_chart(results), None) if args.ascii else ("", draw(results, args.kind))


def _of_sweep(args: argparse.Namespace, faults: Faults) -> Picture:
    from costmodel.config.errors import Fault
    from costmodel.results.plots.sweep import sweep_picture
    from costmodel.sweeps.folder import SweepFolder

    choices = ("ascii", *_SCENARIO_ONLY)
    refused = [*given_options(args, choices), *(["--kind"] if args.kind != "change" else [])]
    faults.found += [Fault(option, reason=_SWEPT) for option in refused]
    with faults.collected():
        folder = SweepFolder.opened(Path(args.scenario), origin=args.scenario)
    faults.tell()
    return sweep_picture(
        folder,
        over=args.over,
        machines=args.machine,
        strategies=args.strategy,
        layouts=[f"order-{order}" for order in args.order],
        origin=args.scenario,
    )


def _of_measured(args: argparse.Namespace, faults: Faults) -> Picture:
    """Draw what ``measure`` found; it has one picture and nothing to choose."""
    from costmodel.config.errors import Fault
    from costmodel.measure.document import read_measured
    from costmodel.results.plots.measured import measured_picture

    choices = ("ascii", "machine", "strategy", "order", *_SCENARIO_ONLY)
    refused = [*given_options(args, choices), *(["--kind"] if args.kind != "change" else [])]
    faults.found += [Fault(option, reason=_NOT_MEASURED) for option in refused]
    with faults.collected():
        file = read_measured(Path(args.scenario))
    faults.tell()
    rows = [row.compared() for row in file.operations]
    return measured_picture(rows, machine=file.system.model_name, date=file.date)


def _of_scenario(args: argparse.Namespace, faults: Faults) -> tuple[str, Picture | None]:
    from costmodel.cli.question import ask
    from costmodel.parallel import cpus
    from costmodel.studies import study_of

    if args.kind == "order" and not args.order:
        args.order = [str(order) for order in ALL_ORDERS]
    with faults.collected():
        scenario, machines = ask(args)
    faults.tell()
    if args.kind in ("cpus", "shared"):
        scenario = _on_several(scenario, machines)
    if args.kind == "timeline":
        return "", _timeline(args, scenario, machines)
    noise = args.kind in ("change", "samples") and not args.no_noise
    intervals = args.kind in ("change", "cpus") and not args.ascii
    jobs = args.jobs or min(MOST_JOBS, cpus())
    study = study_of(scenario, machines, noise=noise, jobs=jobs, intervals=intervals)
    if args.ascii:
        return study.chart() + "\n", None
    return "", study.picture(args.kind)


def _on_several(scenario: Scenario, machines: dict[str, Machine]) -> Scenario:
    """Return a scenario on powers of two of CPUs, as many as each machine has, if it has one."""
    if len(scenario.cpus) * len(scenario.threads) > 1:
        return scenario
    key, other = ("threads", "cpus") if scenario.threads[0] > 1 else ("cpus", "threads")
    fewest = min(machine.tlbi.cpus_online.value for machine in machines.values())
    most = fewest // getattr(scenario, other)[0]
    counts = [1 << n for n in range(most.bit_length())]
    return scenario.replace({key: sorted({*counts, most})}, origin=f"--kind: {key}")


def _timeline(
    args: argparse.Namespace, scenario: Scenario, machines: dict[str, Machine]
) -> Picture:
    """Draw the last strategy that was named, or the baseline, on the first machine and layout."""
    from costmodel.experiment import matched
    from costmodel.plan import plan
    from costmodel.results.plots.draw import draw_window

    name = args.strategy[-1] if args.strategy else scenario.baseline
    cells = plan(scenario, machines).cells
    cell = next(cell for cell in cells if cell.strategy == name)
    # In the build that tables show; the baseline is the first cell of each machine.
    base = next(other for other in cells if other.machine is cell.machine)
    shown = matched(cell, base).new
    return draw_window(shown, ptes=args.ptes or PTES, cut=args.ptes is None)
