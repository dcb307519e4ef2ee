"""What samples say about the numbers of a machine file, one file per part of it."""

from __future__ import annotations

from collections.abc import Iterator

from costmodel.measure.readings import atomics, caches, core, said, translations
from costmodel.measure.readings.number import Number, Taken
from costmodel.measure.session import Session
from costmodel.measure.suite import Plan
from costmodel.measure.system import System

__all__ = ["Number", "numbers_of"]


def numbers_of(session: Session, plan: Plan, system: System) -> Iterator[Number]:
    """Yield every number of a machine file that a session gives, and some that no file has yet."""
    taken = Taken(session.results, plan)
    yield from said.numbers(session, system)
    yield from core.numbers(taken)
    yield from caches.numbers(taken)
    yield from translations.numbers(taken, guest=system.guest)
    yield from atomics.numbers(taken, system.isa)
