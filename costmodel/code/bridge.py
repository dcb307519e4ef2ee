"""Finds the way from one event to another when a strategy leaves events out.

A patch that saves an atomic is a strategy that does not announce that event. What the compiler put
around the atomic stays: the steps through the event that was left out are executed without the
row of the event itself.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

EVENTS: Final = (
    "lock", "batch", "list_page", "alloc", "resched", "read", "scan", "peek", "gather", "get",
    "clear_exclusive", "map", "large_map", "clear_src", "flush", "restore_src", "wrprotect",
    "clear", "large_unmap", "unmap", "slot", "set", "clear_dst", "restore_dst", "put", "uncharge",
    "prepare", "tail", "commit", "buddy",
)  # fmt: skip
"""All events, in their order on one entry or batch: only later ones can have been left out."""


def is_before(event: str, other: str) -> bool:
    """Tell whether ``event`` comes before ``other`` in the work on one entry."""
    return EVENTS.index(event) < EVENTS.index(other)


def bridge(recorded: Collection[tuple[str, str]], last: str, now: str) -> tuple[str, ...]:
    """Return the fewest events that lead from ``last`` to ``now`` over recorded pairs.

    Each comes later on its entry than the one before, so that no other entry lies on the way.
    Empty if there is no such way.

    >>> bridge({("read", "get"), ("get", "map")}, "read", "map")
    ('get',)
    """
    following: dict[str, list[str]] = {}
    for event, after in sorted(recorded):
        if event in EVENTS and after in EVENTS:
            following.setdefault(event, []).append(after)
    ways: list[tuple[str, ...]] = [(last,)]
    while ways:
        longer = []
        for way in ways:
            if len(way) > 1 and now in following.get(way[-1], ()):
                return way[1:]
            longer += [
                (*way, event) for event in following.get(way[-1], ()) if is_before(way[-1], event)
            ]
        ways = longer
    return ()
