"""Call graphs below the entries of ``perf report --stdio``: for which part of an entry which
functions had called it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_BRANCH = re.compile(r"--(?P<percent>\d+\.\d+)%--(?P<name>.+)")
_CHAIN = re.compile(r"---(?P<name>.+)")
_NAME = re.compile(r"[ |]*(?P<name>[^\s|].*)")
_FOLDED = re.compile(r"\s*(?P<percent>\d+\.\d+)%\s+(?P<chain>\S+(?:;\S+)+)\s*")
_ABSOLUTE_WITHIN = 1.02
"""How far the parts of an entry may sum above its own percentage, because perf rounds them, for
them still to be read as parts of the whole profile rather than as parts of the entry."""


@dataclass
class _Node:
    column: int
    percent: float | None
    names: list[str] = field(default_factory=list)
    children: list[_Node] = field(default_factory=list)


def is_graph(line: str) -> bool:
    """Tell whether a line belongs to the call graph of the entry above it."""
    text = line.strip()
    return not text or text[0] == "|" or "--" in text[:2] or bool(_FOLDED.fullmatch(line))


def chains(lines: Sequence[str], percent: float) -> Iterator[tuple[float, frozenset[str]]]:
    """Yield the parts of an entry, each with the functions of its call chain.

    ``lines`` are the call graph of the entry and ``percent`` is the entry's share of the profile;
    the parts are in percent of the profile as well. The numbers of the graph may be percentages of
    the whole profile (``-g graph``) or of the caller (``-g fractal``). perf leaves small branches
    out: what is missing to ``percent`` is yielded with the functions above the missing branch only.
    """
    folded = [found for line in lines if (found := _FOLDED.fullmatch(line))]
    if folded:
        parts = [(float(f["percent"]), frozenset(f["chain"].split(";"))) for f in folded]
        yield from parts
        yield max(0.0, percent - sum(part for part, _ in parts)), frozenset()
        return
    root = _tree(lines)
    absolute = sum(c.percent or 0 for c in root.children) <= percent * _ABSOLUTE_WITHIN
    yield from _parts(root, percent, frozenset(), absolute=absolute)


def _tree(lines: Sequence[str]) -> _Node:
    root = _Node(-1, None)
    path = [root]
    for line in lines:
        if branch := _BRANCH.search(line):
            column = branch.start("name")
            while len(path) > 1 and path[-1].column >= column:
                path.pop()
            node = _Node(column, float(branch["percent"]), [branch["name"].strip()])
            path[-1].children.append(node)
            path.append(node)
        elif chain := _CHAIN.search(line):
            path = [root]
            root.column = chain.start("name")
            root.names.append(chain["name"].strip())
        elif name := _NAME.fullmatch(line):
            column = name.start("name")
            while len(path) > 1 and path[-1].column > column:
                path.pop()
            path[-1].names.append(name["name"].strip())
    return root


def _parts(
    node: _Node, percent: float, above: frozenset[str], *, absolute: bool
) -> Iterator[tuple[float, frozenset[str]]]:
    names = above | frozenset(node.names)
    left = percent
    for child in node.children:
        part = child.percent or 0.0
        if not absolute:
            part *= percent / 100
        left -= part
        yield from _parts(child, part, names, absolute=absolute)
    if left > 0:
        yield left, names
