"""What samples say about the numbers of a machine file, one file per part of it."""

from __future__ import annotations

from collections.abc import Iterator

from costmodel.measure.readings import atomics, caches, core, mitigations, said, translations
from costmodel.measure.readings.number import DisturbedError, Number, Taken
from costmodel.measure.session import Session
from costmodel.measure.suite import Plan
from costmodel.measure.system import System

__all__ = ["Number", "numbers_of"]


def numbers_of(session: Session, plan: Plan, system: System) -> Iterator[Number]:
    """Yield every number of a machine file that a session gives, and some that no file has yet.

    Where an experiment gave no samples the numbers of its part that follow are left out, which
    ``session.lacking`` says.
    """
    taken = Taken(session.results, plan)
    for part in (
        said.numbers(session, system),
        core.numbers(taken),
        mitigations.numbers(taken, system.vulnerabilities),
        caches.numbers(taken),
        translations.numbers(taken, guest=system.guest),
        atomics.numbers(taken, system.isa),
    ):
        try:
            yield from part
        except DisturbedError as name:
            session.lacking.append(f"{name}: every sample was interrupted; is the machine busy?")
