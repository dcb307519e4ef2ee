"""How often, and by how much, a micro-op more makes a loop faster: the draws of
``tests/strategies/test_more_work.py`` by the hundred, machine by machine.

    python -m tools.more_work [MACHINE ...] [--draws N] [--seed TEXT]

A line says how many of the draws gained more than the law allows. Below it stand the largest gains,
each with what it is on the same core with ports for everything: an accident of ports is gone there.
"""

from __future__ import annotations

import argparse
import time
from itertools import islice
from typing import Final

from costmodel.config.machine import load_machine
from costmodel.config.resources import names
from costmodel.explaining.more_work import with_ports
from costmodel.units import TICKS_PER_CYCLE
from tests.strategies.test_more_work import GAIN, PTES, Draw, draws

_SHOWN: Final = 3


def gain(before: int, after: int) -> float:
    """Return by how many percent less time is taken."""
    return 100 * (before - after) / before


def looked_at(name: str, count: int, seed: str) -> str:
    """Return the line of a machine, and those of its largest gains."""
    machine, begin = load_machine(name), time.process_time()
    found: list[tuple[float, int, Draw]] = []
    for draw in islice(draws(machine, f"{seed}{name}"), count):
        before, after = draw.ticks(machine)
        found.append((gain(before, after), before - after, draw))
    found.sort(key=lambda each: each[0], reverse=True)
    beyond = sum(each[0] > 100 * GAIN for each in found)
    seconds = time.process_time() - begin
    lines = [f"{name}: {beyond} of {count} beyond {GAIN:.1%}, {seconds:.0f} s of CPU time"]
    for percent, ticks, draw in found[:_SHOWN]:
        ports = gain(*draw.ticks(with_ports(machine)))
        cycles = ticks / TICKS_PER_CYCLE / PTES
        of = f"{percent:+.2f} % ({cycles:.2f} cycles per PTE; {ports:+.2f} % with ports)"
        lines.append(f"  {of}: {draw.case}")
    return "\n".join(lines)


def main() -> None:
    """Print the lines of the machines."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("machines", nargs="*", metavar="MACHINE", help="default: all")
    parser.add_argument("--draws", type=int, default=100, metavar="N", help="of each machine")
    parser.add_argument("--seed", default="", metavar="TEXT", help="default: that of the test")
    args = parser.parse_args()
    for name in args.machines or names("machines"):
        print(looked_at(name, args.draws, args.seed), flush=True)


if __name__ == "__main__":
    main()
