"""Random loops as a file that ``costmodel loops`` prices and ``costmodel measure --loops`` times:
loops that nobody chose, to price before they are measured.

    python -m tools.random_loops [--each N] [--seed N] > FILE

Kinds: A additions, loads, stores, branches, jumps, constants; B chains beside them; C locked
operations; D forwarding; E calls and returns; F like the kernel's, one by one.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Final

Group = tuple[str, int, str]
"""Kind, count and form of equal instructions in a row."""
_PLAIN: Final = (
    *("add", "add", "add", "load", "load", "store", "branch", "jump", "mul"),
    *("move", "immediate", "zero"),
)
_LIKE_A_KERNEL: Final = {
    "add": 48, "load": 16, "branch": 12, "store": 7, "immediate": 4, "move": 4, "lock": 3,
    "zero": 2, "jump": 2, "call": 2,
}  # fmt: skip
"""Shares of instructions in percent."""


class RandomLoops:
    """Draws loops from a seed."""

    def __init__(self, seed: int) -> None:
        """Start the stream of the seed."""
        self._chance = random.Random(seed)

    def loops(self, each: int) -> Iterator[tuple[str, list[Group], int]]:
        """Yield name, body and repetitions of ``each`` loops of each kind."""
        kinds = {
            "A": (self._mixed, 1),
            "B": (self._chains, 3),
            "C": (self._locked, 3),
            "D": (self._forwarding, 2),
            "E": (self._calls, 1),
            "F": (self._like_a_kernel, 1),
        }
        for kind, (draw, most) in kinds.items():
            for number in range(each):
                yield f"{kind}{number:02}", draw(), self._chance.randint(1, most)

    def _plain(self, most: int) -> Group:
        kind = self._chance.choice(_PLAIN)
        form = self._chance.choice(["same-line", "same-line", "new-line"])
        return kind, self._chance.randint(1, most), form if kind == "store" else "independent"

    def _several(self, least: int, most: int, longest: int) -> list[Group]:
        return [self._plain(longest) for _ in range(self._chance.randint(least, most))]

    def _mixed(self) -> list[Group]:
        return self._several(2, 5, 16)

    def _among(self, sequences: list[list[Group]], others: list[Group]) -> list[Group]:
        """Return sequences, each in its own order, and other groups, in a random order."""
        parts = [*sequences, *([other] for other in others)]
        self._chance.shuffle(parts)
        return [group for part in parts for group in part]

    def _chains(self) -> list[Group]:
        links: list[list[Group]] = []
        for chain in ("chain", "chain-2")[: self._chance.randint(1, 2)]:
            for _ in range(self._chance.randint(1, 2)):
                kind, most = self._chance.choice([("add", 8), ("add", 8), ("load", 4), ("mul", 4)])
                links.append([(kind, self._chance.randint(1, most), chain)])
        return self._among(links, self._several(1, 3, 10))

    def _locked(self) -> list[Group]:
        form = self._chance.choice(["same-line", "new-line"])
        return self._among([[("lock", self._chance.randint(1, 2), form)]], self._several(1, 4, 15))

    def _forwarding(self) -> list[Group]:
        places: list[list[Group]] = []
        for place in ("forward", "forward-2")[: self._chance.randint(1, 2)]:
            added = self._chance.randint(1, 4)
            places.append([("load", 1, place), ("add", added, place), ("store", 1, place)])
        if self._chance.random() < 0.25:
            places.append([("lock", 1, "new-line")])
        return self._among(places, self._several(0, 3, 10))

    def _calls(self) -> list[Group]:
        body: list[Group] = []
        for _ in range(self._chance.randint(1, 3)):
            inside, behind = self._several(0, 2, 6), self._several(0, 2, 8)
            body += [_one("call"), *inside, _one("return"), *behind]
        return body

    def _like_a_kernel(self) -> list[Group]:
        found: list[Group] = []
        kinds, shares = list(_LIKE_A_KERNEL), list(_LIKE_A_KERNEL.values())
        for kind in self._chance.choices(kinds, shares, k=self._chance.randint(24, 64)):
            found.append(_one(kind))
            if kind == "call":
                found += [("add", self._chance.randint(1, 4), "independent"), _one("return")]
        alike = groupby(found, key=itemgetter(0, 2))
        return [(kind, sum(count for _, count, _ in of), form) for (kind, form), of in alike]


def _one(kind: str) -> Group:
    return kind, 1, {"store": "same-line", "lock": "new-line"}.get(kind, "independent")


def line(name: str, ops: list[Group], repeat: int) -> str:
    """Return a loop as a line of a file."""
    body = ", ".join(f"[{kind}, {count}, {form}]" for kind, count, form in ops)
    return f"- {{name: {name}, ops: [{body}], repeat: {repeat}}}"


def main() -> None:
    """Print the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=40, help="loops of each kind (40)")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    for loop in RandomLoops(args.seed).loops(args.each):
        print(line(*loop))


if __name__ == "__main__":
    main()
