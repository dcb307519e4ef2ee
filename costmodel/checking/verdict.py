"""What must stand beside the price of a strategy: that it is broken, or not priced as it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from costmodel.checking.priced import mispriced
from costmodel.checking.run import Subject, violations_on
from costmodel.checking.subjects import subject_of
from costmodel.config.errors import ConfigError
from costmodel.experiment import Cell
from costmodel.mm.layouts import telling_layouts
from costmodel.strategies.resolve import resolve


def verdicts_on(names: Iterable[str], operation: str) -> list[str]:
    """Return a sentence for each strategy whose price should not be taken at its word.

    Users' strategies are run on the telling layouts (a tenth of a second); of built-in ones it is
    known.
    """
    return [text for name in dict.fromkeys(names) for text in _verdict(name, operation)]


def verdicts_of(cells: Iterable[Cell]) -> list[str]:
    """Return the same for the strategies of some cells, each once."""
    asked = dict.fromkeys((cell.strategy, cell.workload.operation) for cell in cells)
    return [text for name, operation in asked for text in verdicts_on([name], operation)]


def _verdict(name: str, operation: str) -> Iterator[str]:
    strategy = resolve(name, operation=operation)
    if strategy.broken:
        yield f"{name} is broken: {strategy.broken}."
    if strategy.code is None:
        return
    subject = subject_of(strategy)
    try:
        broken = _broken(subject)
        if broken:
            yield f"{name} is broken: {'; '.join(broken)} (costmodel check shows where)."
            return
        found = mispriced(subject, telling_layouts())
    except ConfigError as error:
        yield f"{name} could not be checked: {error.faults[0]}."
        return
    if found:
        yield (
            f"{name} is not priced for what it does (left out of the cost, or written by hand): "
            f"{'; '.join(map(str, found))}."
        )


def _broken(subject: Subject) -> list[str]:
    """Return the guarantees that a strategy breaks, as "broken" completes them."""
    found = [
        violation.guarantee.value
        for layout in telling_layouts()
        for violation in violations_on(subject, layout)
    ]
    return list(dict.fromkeys(found))
