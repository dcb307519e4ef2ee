"""Runs a strategy on a layout and reports the guarantees that it broke."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from costmodel.code.yields import endless, generator
from costmodel.config.errors import ConfigError
from costmodel.mm.build import build_memory
from costmodel.mm.layout import Layout
from costmodel.mm.pte import TABLE_PTES
from costmodel.mm.violations import DirtyRule, Violation
from costmodel.operations.registry import DEFAULT, operation_named
from costmodel.operations.shared.pmd import with_pmds
from costmodel.operations.shared.strategy import elsewhere
from costmodel.user_code.process import UserCode

T = TypeVar("T")
Strategy = Callable[[Any], Iterator[Any]]
"""The function of a strategy; it gets the operation."""

STEPS_PER_TABLE = 50_000
STEPS_PER_PAGE = 2_000
"""Limits on the yields of a strategy. Correct ones take fewer, so one that takes more is taken to
have no end."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A strategy to be checked, and what its kernel is like."""

    name: str
    strategy: Strategy
    operation: str = DEFAULT
    """The name of its operation."""
    contpte: bool = False
    """Whether the kernel uses the contiguous bit: layouts then have it, and ``fork.contpte`` is
    true."""
    dirty: DirtyRule = DirtyRule.EXACT
    """How the kernel passes dirty bits on."""
    flushes: bool = True
    """Whether the strategy finishes the operation itself (``finish()``). Otherwise that is done for
    it, as the callers of the kernel's loops do."""
    resizes_freely: bool = False
    """Whether the CPU allows to change the contiguous bit without break-before-make (BBML2)."""
    code: UserCode | None = None
    """The user's code, which runs in a process of its own; None for a built-in strategy."""

    def evaluate(self, task: Callable[..., T], *arguments: Any) -> T:
        """Return ``task(function, *arguments)``; the user's code runs in a process of its own."""
        if self.code is None:
            return task(self.strategy, *arguments)
        return self.code.ask(task, *arguments)


def violations_on(subject: Subject, layout: Layout) -> list[Violation]:
    """Return the guarantees that a strategy breaks on a layout; none if it is correct there.

    Raises ConfigError, which names the layout, for a user's strategy that does not complete: it
    raises an exception, does not end, or ends the process it runs in.
    """
    try:
        alone = replace(subject, strategy=elsewhere, code=None)
        return subject.evaluate(_violations, alone, layout)
    except ConfigError as error:
        where = f", on layout '{layout.name}'"
        faults = [replace(fault, reason=fault.reason + where) for fault in error.faults]
        raise ConfigError(faults) from None


def _violations(strategy: Strategy, subject: Subject, layout: Layout) -> list[Violation]:
    memory = build_memory(layout, contpte=subject.contpte)
    before = memory.copy()
    kernel = {"contpte": subject.contpte, "resizes_freely": subject.resizes_freely}
    known = operation_named(subject.operation)
    operation = known.begin(memory, **kernel)
    pages = sum(area.pages for area in layout.areas)
    limit = STEPS_PER_TABLE * (2 + pages // TABLE_PTES) + STEPS_PER_PAGE * pages
    exhaust(with_pmds(subject.operation, strategy, operation), limit)
    # PMDs that a strategy leaves to the kernel are handled after its own flushes.
    leaves_pmds = layout.has_pmds and not operation.pmds_are_taken
    if leaves_pmds or not subject.flushes:
        operation.finish()
    return known.violations(before, operation, dirty=subject.dirty)


def exhaust(items: Iterable[Any], limit: int) -> None:
    """Run a strategy to its end and answer each ``yield`` with a new number.

    Raises StrategyError if it yields more than ``limit`` times, and for what yields nothing at all.
    """
    steps = generator(items)
    send = steps.send
    with suppress(StopIteration):
        next(steps)
        for value in range(limit):
            send(value)
        raise endless(limit, steps, per="")
