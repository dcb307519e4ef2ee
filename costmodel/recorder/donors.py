"""Steps that a program never executed while it was recorded, taken from a kernel that did.

Builds by other compilers were recorded in the steady state only: what they execute from one table
to the next comes from the booted kernel of the same source.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from costmodel.recorder.archive import RecordedProgram, Recording

_BOOTED: Final = {"v6.8base": "v6.7"}
"""Sources that were never booted to a booted one that does the same between tables."""
_UNFOLDS: Final = frozenset({"clear_src", "flush", "restore_src"})
_NEXT_TABLE: Final = frozenset({"alloc"})
_SITES: Final = 1 << 16
"""Distance between the instructions of a program and those of its donor."""


def donor_of(program: str, donors: Mapping[str, str]) -> str | None:
    """Return the program that fills in what this one was not recorded doing, if it needs one.

    ``donors`` are those of booted kernels, see :class:`costmodel.recorder.recorded.RecordedEvents`.
    """
    return _booted(program) or donors.get(program)


def donated_events(program: RecordedProgram) -> frozenset[str]:
    """Return the events of which one must begin or end a step for it to come from the donor."""
    return _NEXT_TABLE if _booted(program.name) else _UNFOLDS


def _booted(name: str) -> str | None:
    """Return the booted kernel of a build's source; None for a program that was booted itself."""
    source, build, place = name.partition("@")
    arch = place.rpartition(".")[2]
    return f"{_BOOTED.get(source, source)}.{arch}" if build else None


def joined(program: RecordedProgram, donor: RecordedProgram) -> RecordedProgram:
    """Return a program with the static micro-ops of both, the donor's behind its own."""
    tables: dict[str, Any] = {
        name: np.concatenate([getattr(program, name), getattr(donor, name)])
        for name in ("kind", "op", "target", "size_bytes", "function")
    }
    site = np.concatenate([program.site.astype(np.int64), donor.site.astype(np.int64) + _SITES])
    return replace(program, site=site, **tables)


def windows_of(
    program: RecordedProgram, donor: RecordedProgram
) -> Iterator[tuple[Recording, Recording]]:
    """Yield the donor's windows: as recorded, and with the micro-ops numbered as in the joined."""
    first = len(program.site)
    for window in donor.recordings.values():
        yield window, replace(window, uop=window.uop + first)
