"""Paths that nothing known decides between: taken in turn, as often as each was recorded.

A per-CPU counter runs over at every so-many-th page, the page allocator merges what happens to be
free: the recordings show how often, not why. Taking the paths in turn keeps their average.
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
"""Facts that would decide by chance: an event every 17 pages falls somewhere in a block of 16."""

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
    """Return which facts are not the same in all contexts: others decide nothing."""
    return [i for i, values in enumerate(zip(*contexts, strict=True)) if len(set(values)) > 1]


def _by_facts(
    seen: Sequence[Seen], features: tuple[int, ...]
) -> Mapping[tuple[Any, ...], dict[int, Counter[int]]]:
    """Count paths by the values of some facts and by window."""
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
    """Return each key as often as counted, evenly spread, in the shortest such sequence.

    More than 32 are scaled down to 32 first: short sequences let a core recognise loops.

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
    """Return at most ``_LONGEST`` occurrences in the same proportions; the commonest fills up."""
    total = sum(counts.values())
    if total <= _LONGEST:
        return dict(counts)
    scaled = {key: round(_LONGEST * number / total) for key, number in counts.items()}
    usual = max(counts, key=lambda key: counts[key])
    scaled[usual] += _LONGEST - sum(scaled.values())
    return {key: number for key, number in scaled.items() if number}
