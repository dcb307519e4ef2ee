"""Small changes to an existing strategy: the shortest way to ask "what if".

All of them change what is executed, not what happens to the page tables: ``costmodel check`` sees
the strategy that they were made from.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable
from typing import Any, Final

from costmodel.code.events import Step, omitting
from costmodel.code.uops import Kind, Uop
from costmodel.code.yields import generator
from costmodel.config.errors import describe, unknown
from costmodel.operations.registry import operation_named, operation_names
from costmodel.operations.shared.entry import Steps
from costmodel.user_code.blame import Place, StrategyError

Extra = Uop | Callable[[Step], Uop | Iterable[Uop]]
"""A micro-op, or a function that makes some from the event they belong to: it returns one or
several, or yields them and gets back the value that names each result."""
_Edited = Generator[Step | Uop, Any, None]


def dropping(steps: Steps, event: str) -> Steps:
    """Leave an event out: its own micro-op is not executed, what surrounds it still is.

    The atomics are events of their own: ``get``, ``clear_exclusive``, ``map``, ``large_map``,
    ``wrprotect``.
    """
    _check_event("dropping", event)
    return _dropping(steps, event, _asked())


def after(steps: Steps, event: str, *extra: Extra) -> Steps:
    """Execute more micro-ops behind every ``event``."""
    _check_event("after", event, extra)
    return _around(steps, event, (), extra, _asked())


def before(steps: Steps, event: str, *extra: Extra) -> Steps:
    """Execute more micro-ops before the step that ends with ``event``."""
    _check_event("before", event, extra)
    return _around(steps, event, extra, (), _asked())


def without(steps: Steps, *kinds: Kind) -> Steps:
    """Leave out every micro-op of some kinds, for instance ``Kind.TLBI``.

    What depended on them starts without waiting.
    """
    for kind in kinds:
        if not isinstance(kind, Kind):
            raise StrategyError("without: must be kinds, as Kind.TLBI is", got=describe(kind))
    return _without(steps, kinds, _asked())


def _around(
    steps: Steps,
    event: str,
    first: tuple[Extra, ...],
    behind: tuple[Extra, ...],
    asked_at: Place,
) -> _Edited:
    stream, answer = generator(steps), None
    while True:
        try:
            step = stream.send(answer)
        except StopIteration:
            return
        meant = isinstance(step, Step) and step.event == event
        if meant:
            yield from _made(first, step)
        answer = yield step
        if meant:
            yield from _made(behind, step)


def _dropping(steps: Steps, event: str, asked_at: Place) -> _Edited:
    stream, answer = generator(steps), None
    while True:
        try:
            step = stream.send(answer)
        except StopIteration:
            return
        # Who waits for what is left out waits for what is in front of it.
        if answer is None or not isinstance(step, Step) or step.event != event:
            answer = yield step


def _without(steps: Steps, kinds: tuple[Kind, ...], asked_at: Place) -> _Edited:
    stream, answer = generator(steps), None
    while True:
        try:
            step = stream.send(answer)
        except StopIteration:
            return
        if isinstance(step, Step):
            answer = yield step._replace(traits=omitting(step.traits, kinds))
        elif not isinstance(step, Uop) or step.kind not in kinds:
            answer = yield step


def _made(extra: tuple[Extra, ...], step: Step) -> _Edited:
    for each in extra:
        made: Any = each if isinstance(each, Uop) or not callable(each) else each(step)
        if isinstance(made, Uop) or not isinstance(made, Iterable):
            yield made
        elif isinstance(made, Generator):
            yield from made
        else:
            for uop in made:  # noqa: UP028 - answers go to generators alone
                yield uop


def _check_event(name: str, event: object, extra: tuple[object, ...] = (None,)) -> None:
    known = dict.fromkeys(e for op in operation_names() for e in operation_named(op).events)
    if not isinstance(event, str) or event not in known:
        raise StrategyError(f"{name}: {unknown('event', event, known)}", got=describe(event))
    if not extra:
        raise StrategyError(f"{name}: needs at least one micro-op")


_CALLER: Final = 2


def _asked() -> Place:
    """Return the line that asks for a change: generators forget it."""
    frame = sys._getframe(_CALLER)
    return frame.f_code.co_filename, frame.f_lineno
