"""Finds out whether a strategy pays for what it does.

The page tables show what was done, the events say what it costs. A strategy that takes a reference
and announces no event for it is correct but too cheap, which no check of page tables can see.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from costmodel.checking.run import Subject
from costmodel.code.events import Step
from costmodel.code.yields import by_hand_of, generator
from costmodel.mm.build import build_memory
from costmodel.mm.layout import Layout
from costmodel.mm.live_table import LiveTable
from costmodel.mm.violations import plural
from costmodel.operations.registry import operation_named
from costmodel.operations.shared.strategy import Function

_ANY_ISA: Final = "arm64"
"""The one that has all micro-ops: page tables do not tell on which machine a strategy will run."""
_COUNTS: Final = {
    "rmap_remove": 2,
    "write_protect": 1,
    "set_ptes": 1,
    "set_contpte": 1,
    "clear": 1,
}
"""Primitives that handle several entries at once: the position of the argument for their number."""


class Announcement(NamedTuple):
    """How often a primitive was called and how often its event was announced, on some layouts."""

    event: str
    done: int
    announced: int

    def __str__(self) -> str:
        """Return the two numbers as a sentence for a report."""
        return f"'{self.event}' is done {plural(self.done, 'time')} and priced {self.announced}"


def mispriced(subject: Subject, layouts: Iterable[Layout]) -> list[Announcement]:
    """Return the events that a strategy announces more or less often than it does them.

    The numbers are those of all layouts together. What is done and not announced may be missing in
    the cost, or be written by hand as micro-ops. Raises what the strategy raises; for a user's
    strategy that is a ConfigError.
    """
    done, announced = Counter[str](), Counter[str]()
    known = operation_named(subject.operation)
    for layout in known.layouts(list(layouts)):
        found = subject.evaluate(counted_on, subject.operation, subject.contpte, layout)
        done.update(found[0])
        announced.update(found[1])
    announced_as = known.announced
    events = dict.fromkeys([*announced_as.folios.values(), *announced_as.tables.values()])
    return [
        Announcement(event, done[event], announced[event])
        for event in events
        if done[event] != announced[event]
    ]


def counted_on(
    function: Function, operation: str, contpte: bool, layout: Layout
) -> tuple[Counter[str], Counter[str]]:
    """Return how often the primitives of each event were called, and how often it was announced.

    The strategy ``function`` runs on one layout.
    """
    memory = build_memory(layout, contpte=contpte)
    known = operation_named(operation)
    made: Any = known.begin(memory, contpte=contpte)
    done = Counter[str]()
    for name, event in known.announced.folios.items():
        setattr(made, name, _counting(getattr(made, name), event, done))
    for asked in ("tables", "pmds"):
        if hasattr(made, asked):
            watched = partial(_watched, getattr(made, asked), known.announced.tables, done)
            setattr(made, asked, watched)
    return done, Counter(step.event for step in _steps(function(made)))


def _watched(
    tables: Callable[[], Iterator[Any]],
    primitives: Mapping[tuple[str, str], str],
    done: Counter[str],
) -> Iterator[Any]:
    kinds: dict[str, type[LiveTable]] = {}
    for side in {side for side, _ in primitives}:
        methods = {
            name: _counting(getattr(LiveTable, name), event, done, own=1)
            for (of, name), event in primitives.items()
            if of == side
        }
        kinds[side] = type("Counted", (LiveTable,), {"__slots__": (), **methods})
    for pair in tables():
        for side, kind in kinds.items():
            getattr(pair, side).__class__ = kind
        yield pair


def _counting(
    primitive: Callable[..., Any], event: str, done: Counter[str], *, own: int = 0
) -> Callable[..., Any]:
    """Return ``primitive`` as a function that counts its calls in ``done``.

    ``own`` is how many arguments come before those of the caller (1 for a method).
    """
    name = primitive.__name__
    place = _COUNTS[name] + own if name in _COUNTS else None

    def call(*arguments: Any, **named: Any) -> Any:
        count = 1 if place is None else named.get("count", 1)
        done[event] += arguments[place] if place is not None and len(arguments) > place else count
        return primitive(*arguments, **named)

    return call


def _steps(items: Any) -> Iterator[Step]:
    """Yield the events of a strategy; each of its yields is checked and answered with a number."""
    stream, answer = generator(items), None
    for number in range(1 << 62):
        try:
            item = stream.send(answer)
        except StopIteration:
            return
        answer = number
        if isinstance(item, Step):
            yield item
        else:
            by_hand_of(item, number, _ANY_ISA, stream)
