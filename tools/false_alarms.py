"""How often two equal strategies differ "significantly": the A/A test, machine by machine.

    python -m tools.false_alarms [MACHINE ...] [--orders N ...] [--pairs N]

One strategy is compared with itself under other seeds, so that the noise is another one. In 5 % of
the comparisons p is below 0.05: no more, and no less. A pair takes 4 ms of CPU time.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Final

from costmodel import cell, statistics
from costmodel.config.resources import names
from costmodel.experiment import run_cell

ALPHA: Final = 0.05


def alarms(machine: str, order: int, pairs: int) -> int:
    """Return how many of some comparisons of equal strategies are significant."""
    asked = cell(machine, "v6.7", order=order, memory="16 MiB")

    def summary(seed: int) -> statistics.Summary:
        protocol = asked.protocol.model_copy(update={"seed": seed})
        return run_cell(replace(asked, protocol=protocol)).summary

    values = [
        statistics.change(summary(2 * pair), summary(2 * pair + 1), paired=False).p_value
        for pair in range(1, pairs + 1)
    ]
    return sum(value is not None and value < ALPHA for value in values)


def main() -> None:
    """Print the share of false alarms of each machine and folio order."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("machines", nargs="*", metavar="MACHINE", help="default: all")
    parser.add_argument("--orders", type=int, nargs="+", default=[0, 9], metavar="N")
    parser.add_argument("--pairs", type=int, default=500, metavar="N")
    args = parser.parse_args()
    for name in args.machines or names("machines"):
        for order in args.orders:
            share = alarms(name, order, args.pairs) / args.pairs
            print(f"{name:17} order {order}: {share:.1%} of {args.pairs} pairs", flush=True)


if __name__ == "__main__":
    main()
