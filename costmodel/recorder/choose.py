"""Finds what decides which fragment is taken where several were recorded between two events.

Where no known fact decides, the fragments are taken in turn, as often as each was recorded.
Examples: a per-CPU counter overflows after a certain number of pages, and the page allocator merges
the blocks that happen to be free. The recordings show how often such a fragment is taken, but not
why. Taking the fragments in turn keeps their average.
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
from costmodel.recorder.fragments import Occurrence

_POSITIONAL: Final = ("block_start", "block_end", "last_block_end", "table_end")
"""Facts that are not used here, because they would fit the recording by chance: an event that
happens every 17 pages falls on some place of a block of 16 pages, and on another one next time."""

_LONGEST: Final = 32

Seen = tuple[int, Context, int]
"""Fragment number, context and window of one occurrence."""


def take_turns(seen: Sequence[Seen], usual: int) -> RecordedChoice:
    """Return the choice with the fewest facts that decide as well as all of them together."""
    names = Context._fields
    # What happened two events ago says little about steps that were never recorded: tried last.
    late = names.index("before_last")
    differ = varying([context for _, context, _ in seen])
    count = [i for i in differ if names[i] not in _POSITIONAL and i != late]
    count += [late] if late in differ else []
    best = _decided(_by_context(seen, tuple(count)))
    for decisive in _smallest_first(count):
        groups = _by_context(seen, decisive)
        if _decided(groups) == best:
            return _choice(decisive, groups, usual)
    raise AssertionError("all facts together decide as well as themselves")


def varying(contexts: Sequence[tuple[Any, ...]]) -> list[int]:
    """Return the indices of the facts that are not the same in all contexts.

    Facts that never change cannot tell fragments apart.
    """
    return [i for i, values in enumerate(zip(*contexts, strict=True)) if len(set(values)) > 1]


def _values(context: tuple[Any, ...], decisive: Iterable[int]) -> tuple[Any, ...]:
    """Return the facts of a context that decide."""
    return tuple(context[i] for i in decisive)


def _by_context(
    seen: Sequence[Seen], decisive: tuple[int, ...]
) -> Mapping[tuple[Any, ...], dict[int, Counter[int]]]:
    """Count how often each fragment was taken, by the values of ``decisive`` and by window."""
    groups: dict[tuple[Any, ...], dict[int, Counter[int]]] = defaultdict(dict)
    for fragment, context, window in seen:
        by_window = groups[_values(context, decisive)]
        by_window.setdefault(window, Counter())[fragment] += 1
    return groups


def _decided(groups: Mapping[tuple[Any, ...], dict[int, Counter[int]]]) -> int:
    """Return how many occurrences took the commonest fragment of their group."""
    return sum(max(_total(by_window).values()) for by_window in groups.values())


def _total(by_window: Mapping[int, Counter[int]]) -> Counter[int]:
    return sum(by_window.values(), Counter())


def _choice(
    decisive: tuple[int, ...],
    groups: Mapping[tuple[Any, ...], dict[int, Counter[int]]],
    usual: int,
) -> RecordedChoice:
    fragments = {key: _total(by_window).most_common(1)[0][0] for key, by_window in groups.items()}
    # The longest window is steady state; the others are there for their ends.
    longest = {key: max(w.values(), key=Counter.total) for key, w in groups.items()}
    orders = {key: spread(counts) for key, counts in longest.items()}
    turns = {key: order for key, order in orders.items() if len(order) > 1}
    return RecordedChoice(decisive, fragments, usual, turns)


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


def _smallest_first(decisive: Sequence[int]) -> Iterator[tuple[int, ...]]:
    for size in range(len(decisive) + 1):
        yield from combinations(decisive, size)


def _certain(seen: Sequence[tuple[int, Occurrence]]) -> list[tuple[int, Occurrence]]:
    """Leave out occurrences at the end of a window, whose next frame was not recorded.

    A fragment that was recorded only there was taken because the next frame does not follow the
    last one.
    """
    certain = [pair for pair in seen if pair[1].certain]
    fragments = {fragment for fragment, _ in certain}
    new = [
        (fragment, replace(o, context=o.context._replace(consecutive=False)))
        for fragment, o in seen
        if fragment not in fragments
    ]
    return certain + new


def choose(seen: Iterable[tuple[int, Occurrence]], *, takes_turns: bool = False) -> RecordedChoice:
    """Return the smallest set of facts that tells the recorded fragments between two events apart.

    ``seen`` holds fragment numbers and where each was seen. Where even all facts together do not
    tell the fragments apart, they are taken in turn if ``takes_turns``; else the commonest one of
    each context is, or all in turn where that meets more of what was seen: the copies of an
    unrolled loop.
    """
    occurrences = _certain(list(seen))
    usual = Counter(fragment for fragment, _ in occurrences).most_common(1)[0][0]
    known = {(tuple(o.context), fragment) for fragment, o in occurrences}
    differ = varying([context for context, _ in known])
    if len({context for context, _ in known}) == len(known):  # else not even all facts decide
        for decisive in _smallest_first(differ):
            fragments = {_values(context, decisive): fragment for context, fragment in known}
            if all(
                fragments[_values(context, decisive)] == fragment for context, fragment in known
            ):
                return RecordedChoice(
                    decisive, dict(sorted(fragments.items())) if decisive else {}, usual
                )
    if takes_turns:
        return take_turns(_seen(occurrences), usual)
    in_turn = _seen(sorted(occurrences, key=lambda pair: pair[1].first_row))
    voted, unrolled = _voted(occurrences, differ, usual), _unrolled(in_turn, differ, usual)
    return unrolled if _right(unrolled, in_turn) > _right(voted, in_turn) else voted


def _seen(occurrences: Iterable[tuple[int, Occurrence]]) -> list[Seen]:
    return [(fragment, o.context, id(o.window)) for fragment, o in occurrences]


def _voted(
    occurrences: Sequence[tuple[int, Occurrence]], differ: Sequence[int], usual: int
) -> RecordedChoice:
    """Return the choice of the commonest fragment in each context."""
    # What was recorded with one alignment, or in private mappings, alone cannot tell of the other.
    unknown = {
        Context._fields.index(name) for name in ("shared", "aligned", "tracked", "placed")
    } - set(differ)
    decisive = tuple(i for i in range(len(Context._fields)) if i not in unknown)
    votes: dict[tuple[Any, ...], Counter[int]] = defaultdict(Counter)
    for fragment, occurrence in occurrences:
        votes[_values(occurrence.context, decisive)][fragment] += 1
    return RecordedChoice(
        decisive, {key: c.most_common(1)[0][0] for key, c in votes.items()}, usual
    )


def _unrolled(seen: Sequence[Seen], differ: Sequence[int], usual: int) -> RecordedChoice:
    """Return the choice that takes the fragments of each context in turn, wherever it lies."""
    decisive = tuple(i for i in differ if Context._fields[i] not in _POSITIONAL)
    return _choice(decisive, _by_context(seen, decisive), usual)


def _right(choice: RecordedChoice, seen: Sequence[Seen]) -> int:
    """Return how many occurrences take the fragment that a choice says, window by window."""
    right = 0
    counts: Counter[tuple[int, tuple[Any, ...]]] = Counter()
    for fragment, context, window in seen:
        key = _values(context, choice.decisive)
        turns = choice.turns.get(key) or (choice.fragments.get(key, choice.usual),)
        right += turns[counts[window, key] % len(turns)] == fragment
        counts[window, key] += 1
    return right
