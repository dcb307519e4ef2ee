"""The sentences that must stand beside a price: the strategy is broken, or does what it does not
pay for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from costmodel.config.errors import ConfigError
from costmodel.strategies.resolve import resolve

if TYPE_CHECKING:
    from costmodel.checking.run import Subject
    from costmodel.experiment import Cell
    from costmodel.mm.layout import Layout
    from costmodel.operations.shared.strategy import Strategy


def verdicts_on(names: Iterable[str], operation: str) -> list[str]:
    """Return a sentence for each of the named strategies whose price should not be trusted.

    Users' strategies are run on the telling layouts for that, which takes a tenth of a second; of
    built-in ones it is known.
    """
    return [text for name in dict.fromkeys(names) for text in _verdict(name, operation)]


def verdicts_of(cells: Iterable[Cell]) -> list[str]:
    """Return the sentences for the strategies of some cells, each once."""
    asked = dict.fromkeys((cell.strategy, cell.workload.operation) for cell in cells)
    return [text for name, operation in asked for text in verdicts_on([name], operation)]


def _verdict(name: str, operation: str) -> Iterator[str]:
    strategy = resolve(name, operation=operation)
    if strategy.broken:
        yield f"{name} is broken: {strategy.broken}."
    if strategy.code is not None:
        yield from _of_user(strategy)


def _of_user(strategy: Strategy) -> Iterator[str]:
    """Yield what checking a user's strategy on the telling layouts shows."""
    from costmodel.checking.priced import mispriced
    from costmodel.checking.subjects import subject_of
    from costmodel.mm.layouts import telling_layouts

    name, subject, layouts = strategy.name, subject_of(strategy), telling_layouts()
    try:
        broken = _broken(subject, layouts)
        if broken:
            yield f"{name} is broken: {'; '.join(broken)} (costmodel check shows where)."
            return
        found = mispriced(subject, layouts)
    except ConfigError as error:
        yield f"{name} could not be checked: {error.faults[0]}."
        return
    if found:
        yield (
            f"{name} is not priced for what it does (left out of the cost, or written by hand): "
            f"{'; '.join(map(str, found))}."
        )


def _broken(subject: Subject, layouts: Iterable[Layout]) -> list[str]:
    """Return the guarantees that a strategy breaks, as text, each once."""
    from costmodel.checking.run import violations_on

    found = [
        violation.guarantee.value
        for layout in layouts
        for violation in violations_on(subject, layout)
    ]
    return list(dict.fromkeys(found))
