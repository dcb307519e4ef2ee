"""Paths between which no known fact decides: they are taken in turn, as often as each was recorded.

Examples: a per-CPU counter overflows after a certain number of pages, and the page allocator merges
the blocks that happen to be free. The recordings show how often such a path is taken, but not why.
Taking the paths in turn keeps their average.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from math import gcd
from typing import Any, Final

from costmodel.code.context import Context
from costmodel.code.library import RecordedChoice

_POSITIONAL: Final = ("block_start", "block_end", "last_block_end", "table_end")
"""Facts that are not used here, because they would fit the recording by chance: an event that
happens every 17 pages falls on some place of a block of 16 pages, and on another one next time."""

_LONGEST: Final = 32

Seen = tuple[int, Context, int]
"""Path number, context and window of one occurrence."""


def take_turns(seen: Sequence[Seen], usual: int) -> RecordedChoice:
    """Return the choice with the fewest facts that decide as well as all of them together."""
    names = Context._fields
    # What happened two events ago says little about steps that were never recorded: tried last.
    late = names.index("before_last")
    differ = varying([facts for _, facts, _ in seen])
    count = [i for i in differ if names[i] not in _POSITIONAL and i != late]
    count += [late] if late in differ else []
    best = _decided(_by_facts(seen, tuple(count)))
    for size in range(len(count) + 1):
        for features in combinations(count, size):
            groups = _by_facts(seen, features)
            if _decided(groups) == best:
                return _choice(features, groups, usual)
    raise AssertionError("all facts together decide as well as themselves")


def varying(contexts: Sequence[tuple[Any, ...]]) -> list[int]:
    """Return the indices of the facts that are not the same in all contexts.

    Facts that never change cannot tell paths apart.
    """
    return [i for i, values in enumerate(zip(*contexts, strict=True)) if len(set(values)) > 1]


def _by_facts(
    seen: Sequence[Seen], features: tuple[int, ...]
) -> Mapping[tuple[Any, ...], dict[int, Counter[int]]]:
    """Count how often each path was taken, by the values of ``features`` and by window."""
    groups: dict[tuple[Any, ...], dict[int, Counter[int]]] = defaultdict(dict)
    for path, facts, window in seen:
        by_window = groups[tuple(facts[i] for i in features)]
        by_window.setdefault(window, Counter())[path] += 1
    return groups


def _decided(groups: Mapping[tuple[Any, ...], dict[int, Counter[int]]]) -> int:
    """Return how many occurrences took the commonest path of their group."""
    return sum(max(_total(by_window).values()) for by_window in groups.values())


def _total(by_window: Mapping[int, Counter[int]]) -> Counter[int]:
    return sum(by_window.values(), Counter())


def _choice(
    features: tuple[int, ...],
    groups: Mapping[tuple[Any, ...], dict[int, Counter[int]]],
    usual: int,
) -> RecordedChoice:
    paths = {key: _total(by_window).most_common(1)[0][0] for key, by_window in groups.items()}
    # The longest window is steady state; the others are there for their ends.
    longest = {key: max(w.values(), key=Counter.total) for key, w in groups.items()}
    orders = {key: spread(counts) for key, counts in longest.items()}
    turns = {key: order for key, order in orders.items() if len(order) > 1}
    return RecordedChoice(features, paths, usual, turns)


def spread(counts: Mapping[int, int]) -> tuple[int, ...]:
    """Return a sequence that holds each key in proportion to its count, evenly spread.

    It is the shortest such sequence. Counts of more than 32 in sum are scaled down to 32 first,
    because the simulation of a core recognises what repeats only if it repeats soon.

    >>> spread({7: 6, 8: 2})
    (7, 7, 8, 7)
    """
    scaled = _scaled(counts)
    shortest = gcd(*scaled.values())
    length = sum(scaled.values()) // shortest
    due = dict.fromkeys(scaled, 0)
    order: list[int] = []
    for _ in range(length):
        for key, number in scaled.items():
            due[key] += number // shortest
        key = max(due, key=lambda k: (due[k], scaled[k]))
        due[key] -= length
        order.append(key)
    return tuple(order)


def _scaled(counts: Mapping[int, int]) -> dict[int, int]:
    """Return counts in the same proportions that sum to at most ``_LONGEST``.

    What rounding leaves over goes to the commonest key.
    """
    total = sum(counts.values())
    if total <= _LONGEST:
        return dict(counts)
    scaled = {key: round(_LONGEST * number / total) for key, number in counts.items()}
    usual = max(counts, key=lambda key: counts[key])
    scaled[usual] += _LONGEST - sum(scaled.values())
    return {key: number for key, number in scaled.items() if number}
