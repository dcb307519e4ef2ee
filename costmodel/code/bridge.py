"""Finds the chain from one event to another when a strategy leaves events out.

A patch that saves an atomic is a strategy that does not announce this event. The instructions that
the compiler put around the atomic stay: the steps through the event that was left out are executed
without the row of the event itself.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence


def is_before(event: str, other: str, order: Sequence[str]) -> bool:
    """Tell whether ``event`` comes before ``other`` in ``order``, the order on one entry."""
    return order.index(event) < order.index(other)


def bridge(
    recorded: Collection[tuple[str, str]], last: str, now: str, order: Sequence[str]
) -> tuple[str, ...]:
    """Return the fewest events between ``last`` and ``now`` that make a chain of recorded pairs.

    Each comes later in ``order`` than the one before, so the chain never passes on to another
    entry. The result is empty if none is needed, and if there is no such chain.

    >>> bridge({("read", "get"), ("get", "map")}, "read", "map", ("read", "get", "map"))
    ('get',)
    """
    following: dict[str, list[str]] = {}
    for event, after in sorted(recorded):
        if event in order and after in order:
            following.setdefault(event, []).append(after)
    chains: list[tuple[str, ...]] = [(last,)]
    while chains:
        longer = []
        for chain in chains:
            if now in following.get(chain[-1], ()):
                return chain[1:]
            longer += [
                (*chain, event)
                for event in following.get(chain[-1], ())
                if is_before(chain[-1], event, order)
            ]
        chains = longer
    return ()
