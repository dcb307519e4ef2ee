"""Finds the facts that decide which path is taken where several were recorded between two events.

Where no known fact decides, the paths are taken in turn, as often as each was recorded. Examples: a
per-CPU counter overflows after a certain number of pages, and the page allocator merges the blocks
that happen to be free. The recordings show how often such a path is taken, but not why. Taking the
paths in turn keeps their average.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from math import gcd
from typing import Any, Final

from costmodel.code.events import Context
from costmodel.code.library import RecordedChoice
from costmodel.recorder.paths import Occurrence

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


def _smallest_first(features: Sequence[int]) -> Iterator[tuple[int, ...]]:
    for size in range(len(features) + 1):
        yield from combinations(features, size)


def _certain(seen: Sequence[tuple[int, Occurrence]]) -> list[tuple[int, Occurrence]]:
    """Leave out occurrences at the end of a window, whose next frame was not recorded.

    A path that was recorded only there was taken because the next frame does not follow the last
    one.
    """
    certain = [pair for pair in seen if pair[1].certain]
    paths = {path for path, _ in certain}
    new = [
        (path, replace(o, context=o.context._replace(consecutive=False)))
        for path, o in seen
        if path not in paths
    ]
    return certain + new


def choose(seen: Iterable[tuple[int, Occurrence]], *, takes_turns: bool = False) -> RecordedChoice:
    """Return the smallest set of facts that tells the recorded paths between two events apart.

    ``seen`` holds path numbers and where each was seen. Where even all facts together do not tell
    the paths apart, they are taken in turn if ``takes_turns``; else always the commonest one.
    """
    occurrences = _certain(list(seen))
    usual = Counter(path for path, _ in occurrences).most_common(1)[0][0]
    known = {(tuple(o.context), path) for path, o in occurrences}
    count = len(Context._fields)
    if len({facts for facts, _ in known}) == len(known):  # else not even all facts decide
        for features in _smallest_first(varying([facts for facts, _ in known])):
            paths = {tuple(facts[i] for i in features): path for facts, path in known}
            if all(paths[tuple(facts[i] for i in features)] == path for facts, path in known):
                return RecordedChoice(
                    features, dict(sorted(paths.items())) if features else {}, usual
                )
    if takes_turns:
        return take_turns([(path, o.context, id(o.window)) for path, o in occurrences], usual)
    # What was recorded with one alignment, or in private mappings, alone cannot tell of the other.
    unknown = {
        Context._fields.index(name) for name in ("shared", "aligned", "tracked", "placed")
    } - set(varying([facts for facts, _ in known]))
    facts = tuple(i for i in range(count) if i not in unknown)
    votes: dict[tuple[Any, ...], Counter[int]] = defaultdict(Counter)
    for path, occurrence in occurrences:
        votes[tuple(occurrence.context[i] for i in facts)][path] += 1
    return RecordedChoice(facts, {key: c.most_common(1)[0][0] for key, c in votes.items()}, usual)
