"""``costmodel breakeven``: where two strategies cost the same, over one number or two."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from costmodel.cli.parser import add_jobs, command, faults_in
from costmodel.cli.question import add_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from costmodel.cli.main import Subparsers
    from costmodel.cli.output import Output
    from costmodel.config.scenario import Scenario
    from costmodel.explaining.axes import Axis, Pair
    from costmodel.results.plots.picture import Picture
    from costmodel.settings import Setting
    from costmodel.sweeps.axes import SweepAxis

LARGE_ORDER = 9
"""Order of the large folios of folio_share where --order is not given."""
MOST = 2
"""How many numbers can vary at once."""

EPILOG = """\
KEY is folio_order, folio_share (share of folios of --order, default 9,
among folios of order 0), holes (share that was never touched), cpus,
threads, between_us, memory, tlbi_ns (arm64: the whole price of a TLBI),
or any number that `costmodel machines MACHINE` lists. Two of them make a
map.

--over KEY                all that is possible; on a map what the machine
                          file holds possible, and more if nothing crosses
--over KEY=LOW..HIGH:N    N values (:log spaces them evenly in the
                          logarithm)
--over KEY=A,B,C          these values

examples:
  costmodel breakeven folio-batch-v6.9 --machine ampere-altra \\
      --over folio_order
  costmodel breakeven contpte-per-pte --machine ampere-altra --order 9 \\
      --over tlbi.broadcast_ns
  costmodel breakeven folio-scan-v3 --machine xeon-4210r --order 4 \\
      --over folio_share
  costmodel breakeven folio-scan-v3 --machine xeon-4210r \\
      --over atomics.locked_cycles --over folio_order -o out/map.svg
"""


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``breakeven STRATEGY --machine M --over KEY`` with its options."""
    about = "find where two strategies cost the same, over one number or two"
    parser = command(subparsers, "breakeven", about, epilog=EPILOG)
    parser.add_argument("strategy", metavar="STRATEGY", help="a name; or file.py:function")
    parser.add_argument("--machine", required=True, metavar="M", help="a name, or a machine file")
    parser.add_argument(
        "--over", required=True, action="append", metavar="KEY", help="what varies, see below"
    )
    add_options(parser)
    parser.add_argument("-o", dest="output", metavar="FILE", help="draw it: an .svg or .png file")
    add_jobs(parser)
    parser.set_defaults(positional=("strategy",))


class ShownAnswer(NamedTuple):
    """An answer in three forms; the last two are made when they are asked for."""

    text: str
    document: Callable[[], Mapping[str, Any]]
    picture: Callable[[], Picture]


def run(args: argparse.Namespace) -> int:
    """Print the answer; raise ConfigError for bad input."""
    from costmodel.explaining.breakeven import in_one_build

    scenario, pair, axes, target = _asked(args)
    pair = in_one_build(pair, axes)
    answer = (_over_two if len(axes) == MOST else _over_one)(args, scenario, pair, axes)
    target.show(answer.text)
    target.write_json(answer.document)
    if args.output is not None:
        answer.picture().save(Path(args.output))
    return 0


def _over_one(
    args: argparse.Namespace, scenario: Scenario, pair: Pair, axes: Sequence[Axis]
) -> ShownAnswer:
    from costmodel.explaining.breakeven import break_even
    from costmodel.results.plots.breakeven import breakeven_picture
    from costmodel.results.text.breakeven import breakeven_document, breakeven_text

    found = break_even(pair, axes[0])
    places = [axes[0].apply(pair, point.x) for point in found.points]
    idle, verdicts, origin = _beside(args, scenario, pair, places)
    return ShownAnswer(
        breakeven_text(found, pair, idle=idle, verdicts=verdicts),
        lambda: breakeven_document(found, pair, origin(), verdicts),
        lambda: breakeven_picture(found, pair),
    )


def _over_two(
    args: argparse.Namespace, scenario: Scenario, pair: Pair, axes: Sequence[Axis]
) -> ShownAnswer:
    from costmodel.explaining.breakeven import applied
    from costmodel.explaining.breakeven_map import break_even_map
    from costmodel.parallel import cpus
    from costmodel.results.plots.breakeven import map_picture
    from costmodel.results.text.breakeven_map import map_document, map_text

    given = [text.partition("=")[0].strip() for text in args.over if "=" in text]
    found = break_even_map(pair, *axes, given=given, jobs=args.jobs or cpus())
    edges = [applied(pair, axis, x) for axis in (found.x, found.y) for x in axis.bounds]
    places = [place for place in edges if place is not None]
    idle, verdicts, origin = _beside(args, scenario, pair, places)
    return ShownAnswer(
        map_text(found, pair, idle=idle, verdicts=verdicts),
        lambda: map_document(found, pair, origin(), verdicts),
        lambda: map_picture(found, pair),
    )


def _beside(
    args: argparse.Namespace, scenario: Scenario, pair: Pair, places: Sequence[Pair]
) -> tuple[Sequence[Setting], Sequence[str], Callable[[], Mapping[str, Any]]]:
    """Return what stands beside an answer: settings without effect, verdicts, and its origin.

    A setting that matters to a pair at one of the ``places`` of the answer has an effect.
    """
    from costmodel.checking.verdict import verdicts_of
    from costmodel.cli.question import origin_of
    from costmodel.experiment import run_cell
    from costmodel.ineffective import ineffective

    asked = ineffective([run_cell(cell, noise=False) for cell in pair])
    cells = [cell for place in places for cell in place] if asked else []
    there = ineffective([run_cell(cell, noise=False) for cell in cells])
    idle = [setting for setting in asked if setting in there]
    return idle, verdicts_of(pair), lambda: origin_of(args, scenario, [pair[0].machine.name])


class _Asked(NamedTuple):
    """What a command asks: the two cells, what varies, and where the answer goes."""

    scenario: Scenario
    pair: Pair
    axes: Sequence[Axis]
    target: Output


def _asked(args: argparse.Namespace) -> _Asked:
    """Return what the words of the command say; raise ConfigError with every fault."""
    from costmodel.cli.output import outputs
    from costmodel.cli.question import ask, cells, inputs
    from costmodel.config.errors import Fault
    from costmodel.config.machine import load_machine
    from costmodel.explaining.axes import check_key
    from costmodel.results.plots.picture import check_suffix
    from costmodel.sweeps.axes import parse_over

    faults = faults_in(args)
    if len(args.over) > MOST:
        reason = f"is given too often: at most {MOST} numbers vary"
        faults.found.append(Fault("--over", reason=reason, got=", ".join(args.over)))
    over: Sequence[SweepAxis] = ()
    with faults.collected():
        over = parse_over(args.over)
    with faults.collected():
        check_suffix(args.output)
    read: list[Path] = []
    with faults.collected():
        scenario, machines = ask(args)
        read = inputs(args, scenario)
        pair = cells(scenario, *machines.values())
        axes = _axes(args, over, pair)
    with faults.collected():
        _, target = outputs({"-o": args.output, "--json": args.json}, inputs=read)
    if faults.found:  # keys can be checked even where the question cannot be asked
        with faults.collected():
            machine = load_machine(args.machine, origin="--machine")
            for each in over:
                with faults.collected():
                    check_key(each.key, machine)
    faults.tell()
    return _Asked(scenario, pair, axes, target)


def _axes(args: argparse.Namespace, over: Sequence[SweepAxis], pair: Pair) -> list[Axis]:
    """Return the axes that the options name; raise ConfigError with every fault."""
    from costmodel.config.errors import Faults
    from costmodel.explaining.axes import axis_of, check_apart
    from costmodel.sweeps.along import along

    large = LARGE_ORDER if args.order is None else pair[0].workload.folio_order or 0
    found: list[Axis] = []
    faults = Faults()
    given = {text.partition("=")[0].strip() for text in args.over if "=" in text}
    for asked in over:
        with faults.collected():
            axis = axis_of(asked.key, pair, large_order=large)
            found.append(axis)
            if asked.key in given:
                found[-1] = along(axis, asked)
    with faults.collected():
        check_apart(found)
    faults.tell()
    return found
