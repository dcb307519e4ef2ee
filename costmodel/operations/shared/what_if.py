"""Small changes to an existing strategy: the shortest way to ask "what if".

All of them change what is executed, not what happens to the page tables: ``costmodel check`` sees
the strategy that they were made from.
"""

from __future__ import annotations

from collections.abc import Callable

from costmodel.code.events import Step, omitting
from costmodel.code.uops import Kind, Uop
from costmodel.operations.shared.entry import Steps

Extra = Uop | Callable[[Step], Uop]
"""A micro-op, or a function that makes one from the event it belongs to."""


def dropping(steps: Steps, event: str) -> Steps:
    """Leave an event out: its own micro-op is not executed, what surrounds it still is.

    The atomics are events of their own: ``get``, ``clear_exclusive``, ``map``, ``large_map``,
    ``wrprotect``.
    """
    return (step for step in steps if not isinstance(step, Step) or step.event != event)


def after(steps: Steps, event: str, *extra: Extra) -> Steps:
    """Execute more micro-ops behind every ``event``."""
    for step in steps:
        yield step
        if isinstance(step, Step) and step.event == event:
            yield from (_made(uop, step) for uop in extra)


def before(steps: Steps, event: str, *extra: Extra) -> Steps:
    """Execute more micro-ops before the step that ends with ``event``."""
    for step in steps:
        if isinstance(step, Step) and step.event == event:
            yield from (_made(uop, step) for uop in extra)
        yield step


def without(steps: Steps, *kinds: Kind) -> Steps:
    """Leave out every micro-op of some kinds, for instance ``Kind.TLBI``.

    What depended on them starts without waiting.
    """
    for step in steps:
        if isinstance(step, Step):
            yield step._replace(traits=omitting(step.traits, kinds))
        elif not isinstance(step, Uop) or step.kind not in kinds:
            yield step


def _made(extra: Extra, step: Step) -> Uop:
    return extra if isinstance(extra, Uop) else extra(step)
