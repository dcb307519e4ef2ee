"""Finds the facts that decide which path is taken where several paths were recorded between the
same two events."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from costmodel.code.context import Context
from costmodel.code.library import RecordedChoice
from costmodel.recorder.alternation import take_turns, varying
from costmodel.recorder.paths import Occurrence


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
