"""Steps that a program never executed while it was recorded, taken from a kernel that did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import numpy as np

from costmodel.recorder.archive import Program, Recording

DONATED_EVENTS: Final = frozenset({"clear_src", "flush", "restore_src"})
"""Steps that begin or end with one of these may come from another program."""
_SITES: Final = 1 << 16
"""Distance between the instructions of a program and those of its donor."""


def joined(program: Program, donor: Program) -> Program:
    """Return a program with the static micro-ops of both, the donor's behind its own."""
    tables: dict[str, Any] = {
        name: np.concatenate([getattr(program, name), getattr(donor, name)])
        for name in ("kind", "op", "target", "size_bytes", "function")
    }
    site = np.concatenate([program.site.astype(np.int64), donor.site.astype(np.int64) + _SITES])
    return replace(program, site=site, **tables)


def windows_of(program: Program, donor: Program) -> Iterator[tuple[Recording, Recording]]:
    """Yield the donor's windows: as recorded, and with the micro-ops numbered as in the joined."""
    first = len(program.site)
    for window in donor.recordings.values():
        yield window, replace(window, uop=window.uop + first)
