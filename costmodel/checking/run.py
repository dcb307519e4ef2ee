"""Runs one strategy on one layout and reports what it broke."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from costmodel.code.yields import generator
from costmodel.mm.build import build_memory
from costmodel.mm.layout import Layout
from costmodel.mm.pte import TABLE_PTES
from costmodel.mm.violations import DirtyRule, Guarantee, Violation
from costmodel.operations.registry import DEFAULT, operation_named
from costmodel.operations.shared.strategy import elsewhere
from costmodel.user_code.blame import StrategyError, line_of, told
from costmodel.user_code.process import UserCode

T = TypeVar("T")
Strategy = Callable[[Any], Iterator[Any]]
"""Walks the page tables of a fork or of an unmap."""

STEPS_PER_TABLE = 50_000
STEPS_PER_PAGE = 2_000
"""More steps than any correct strategy takes; one that takes more will not end."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A strategy under test and what its kernel is like."""

    name: str
    strategy: Strategy
    operation: str = DEFAULT
    """The name of what it does."""
    contpte: bool = False
    """The kernel uses the contiguous bit: layouts have it, and ``fork.contpte`` is true."""
    dirty: DirtyRule = DirtyRule.EXACT
    flushes: bool = True
    """The strategy finishes the operation itself (``finish()``); else that is done for it, as the
    callers of the kernel's loops do."""
    resizes_freely: bool = False
    """The CPU lets the contiguous bit change without break-before-make (BBML2)."""
    code: UserCode | None = None
    """A user's strategy, which runs in a process of its own."""

    def evaluate(self, task: Callable[..., T], *arguments: Any) -> T:
        """Return ``task(function, *arguments)``, wherever the strategy's function runs."""
        if self.code is None:
            return task(self.strategy, *arguments)
        return self.code.ask(task, *arguments)


def violations_on(subject: Subject, layout: Layout) -> list[Violation]:
    """Return the guarantees that a strategy breaks on a layout, none if it is correct there.

    Raises ConfigError for a user's strategy that hangs, or ends the process it runs in.
    """
    return subject.evaluate(_violations, replace(subject, strategy=elsewhere, code=None), layout)


def _violations(strategy: Strategy, subject: Subject, layout: Layout) -> list[Violation]:
    memory = build_memory(layout, contpte=subject.contpte)
    before = memory.copy()
    kernel = {"contpte": subject.contpte, "resizes_freely": subject.resizes_freely}
    known = operation_named(subject.operation)
    operation = known.begin(memory, **kernel)
    pages = sum(area.pages for area in layout.areas)
    limit = STEPS_PER_TABLE * (2 + pages // TABLE_PTES) + STEPS_PER_PAGE * pages
    try:
        finished = exhaust(strategy(operation), limit)
    except StrategyError:  # wrong whatever the layout
        raise
    except Exception as error:  # the strategy is foreign code: whatever it raises is its fault
        return [*operation.faults, Violation(Guarantee.COMPLETES, "strategy", _told(error))]
    if not finished:
        what = f"does not end within {limit} steps"
        return [*operation.faults, Violation(Guarantee.COMPLETES, "strategy", what)]
    if not subject.flushes:
        operation.finish()
    return known.violations(before, operation, dirty=subject.dirty)


def exhaust(items: Iterable[Any], limit: int) -> bool:
    """Run a strategy to its end, answering each ``yield`` with a new number.

    Returns False if it takes more than ``limit`` steps. Raises StrategyError for what yields
    nothing at all.
    """
    steps = generator(items)
    send = steps.send
    try:
        next(steps)
        for value in range(limit):
            send(value)
    except StopIteration:
        return True
    steps.close()
    return False


def _told(error: Exception) -> str:
    """Return an exception with the line of the strategy that raised it."""
    place = line_of(error)
    where = f" ({Path(place[0]).name}:{place[1]})" if place else ""
    return f"raised {told(error)}{where}"
