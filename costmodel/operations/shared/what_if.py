"""Small changes of an existing strategy, the shortest way to ask "what if".

All of them change what is executed and so what it costs, not what happens to the page tables:
``costmodel check`` sees the strategy that they were made from.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable
from typing import Any, Final

from costmodel.code.events import Step, marked_without
from costmodel.code.uops import Kind, Uop
from costmodel.code.yields import generator
from costmodel.config.errors import describe, unknown
from costmodel.operations.registry import operation_named, operation_names
from costmodel.operations.shared.entry import Steps
from costmodel.user_code.blame import Place, StrategyError

Extra = Uop | Callable[[Step], Uop | Iterable[Uop]]
"""A micro-op, or a function of the event which returns a micro-op or several of them. Instead it
may yield them; each yield answers with the value that names the micro-op's result."""
_Edited = Generator[Step | Uop, Any, None]
_StepEdit = Callable[[Any, Any], Generator[Step | Uop, Any, Any]]
"""What stands in the place of a step; it is called with the step and the answer before."""


def dropping(steps: Steps, event: str) -> Steps:
    """Leave every ``event`` out of what ``steps`` yields.

    The event's own micro-op is not executed; the instructions around it still are. The atomics of
    fork are events: ``get``, ``clear_exclusive``, ``map``, ``large_map``, ``wrprotect``.

        def one_atomic_less(fork):
            return k.dropping(k.v6_12(fork), "map")

    Raises StrategyError for an event that no operation has, or that the operation of ``steps`` does
    not have.
    """
    edit = _Edit("dropping", event, _asked())
    return _edited(steps, _dropping(edit), edit.asked_at)


def after(steps: Steps, event: str, *extra: Extra) -> Steps:
    """Execute ``extra`` micro-ops behind every ``event`` of ``steps``.

    Each of ``extra`` is a micro-op, or a function of the event that returns or yields some:

        k.after(k.v6_12(fork), "map", lambda s: k.rmw(k.Target.PAGE, 64 * s.page + 16))

    Raises StrategyError as :func:`dropping` does, and without any ``extra``.
    """
    edit = _Edit("after", event, _asked(), extra)
    return _edited(steps, _around(edit, (), extra), edit.asked_at)


def before(steps: Steps, event: str, *extra: Extra) -> Steps:
    """Execute ``extra`` micro-ops before the step that ends with each ``event`` of ``steps``.

    A step is everything that the kernel executes behind one event up to the next, so the micro-ops
    stand right behind the event before. ``extra`` and errors are those of :func:`after`.
    """
    edit = _Edit("before", event, _asked(), extra)
    return _edited(steps, _around(edit, extra, ()), edit.asked_at)


def without(steps: Steps, *kinds: Kind) -> Steps:
    """Leave out every micro-op of some kinds, for instance ``Kind.TLBI``.

    Micro-ops that depended on them no longer wait for them. Raises StrategyError for anything that
    is no ``Kind``.
    """
    for kind in kinds:
        if not isinstance(kind, Kind):
            raise StrategyError("without: must be kinds, as Kind.TLBI is", got=describe(kind))
    return _edited(steps, _without(kinds), _asked())


class _Edit:
    """An edit at an event of one name; it notices where the operation does not have the event."""

    def __init__(
        self, name: str, event: object, asked_at: Place, extra: tuple[object, ...] = (None,)
    ) -> None:
        """Raise StrategyError for an event that no operation has, and for nothing to add."""
        operations = [operation_named(each).events for each in operation_names()]
        known = set().union(*operations)
        if not isinstance(event, str) or event not in known:
            raise StrategyError(f"{name}: {unknown('event', event, known)}", got=describe(event))
        if not extra:
            raise StrategyError(f"{name}: needs at least one micro-op")
        self.name, self.event, self.asked_at = name, event, asked_at
        self._foreign = known.difference(*(events for events in operations if event in events))

    def is_of(self, item: object) -> bool:
        """Tell whether what a strategy yielded is the event that the edit names.

        Raises StrategyError if it is an event of an operation that does not have the named one: the
        edit would change nothing.
        """
        if not isinstance(item, Step):
            return False
        if item.event in self._foreign:
            own = next(
                each for each in operation_names() if item.event in operation_named(each).events
            )
            what = unknown(f"event of {own}", self.event, operation_named(own).events)
            raise StrategyError(
                f"{self.name}: {what}", got=describe(self.event), places=[self.asked_at]
            )
        return item.event == self.event


def _edited(steps: Steps, edit: _StepEdit, asked_at: Place) -> _Edited:
    """Pass on what ``edit`` makes of each step; its answer is that to the step."""
    stream, answer = generator(steps), None
    while True:
        try:
            step = stream.send(answer)
        except StopIteration:
            return
        answer = yield from edit(step, answer)


def _around(edit: _Edit, first: tuple[Extra, ...], behind: tuple[Extra, ...]) -> _StepEdit:
    def around(step: Any, _: Any) -> Generator[Step | Uop, Any, Any]:
        """Pass on a step, with what is put before and behind it."""
        if not edit.is_of(step):
            return (yield step)
        yield from _made(first, step)
        answer = yield step
        yield from _made(behind, step)
        return answer

    return around


def _dropping(edit: _Edit) -> _StepEdit:
    def drop(step: Any, before: Any) -> Generator[Step | Uop, Any, Any]:
        # Who waits for what is left out waits for what is in front of it.
        return before if edit.is_of(step) and before is not None else (yield step)

    return drop


def _without(kinds: tuple[Kind, ...]) -> _StepEdit:
    def leave_out(step: Any, before: Any) -> Generator[Step | Uop, Any, Any]:
        if isinstance(step, Step):
            return (yield step._replace(traits=marked_without(step.traits, kinds)))
        return before if isinstance(step, Uop) and step.kind in kinds else (yield step)

    return leave_out


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


_CALLER: Final = 2


def _asked() -> Place:
    """Return the file and line that ask for an edit: they are unknown once the generator runs."""
    frame = sys._getframe(_CALLER)
    return frame.f_code.co_filename, frame.f_lineno
