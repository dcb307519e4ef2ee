"""Steps that a program never executed while it was recorded are taken from a kernel that did.

That kernel is called the donor. Builds by other compilers were recorded in the steady state inside
a table only, so their steps from one table to the next come from the booted kernel of the same
source.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from costmodel.code.library import Library
from costmodel.recorder.archive import RecordedProgram, Recording

_BOOTED: Final = {"v6.8base": "v6.7"}
"""For sources that were never booted: a booted one that executes the same between tables."""
_NEXT_TABLE: Final = frozenset({"alloc"})
_SITES: Final = 1 << 16
"""What is added to the numbers of a donor's instructions, so that they differ from those of the
program itself."""


def donor_of(program: str, donors: Mapping[str, str]) -> str | None:
    """Return the name of the program that gives ``program`` the steps that were not recorded of it.

    None if it needs none. ``donors``: those of the booted kernels, as
    :class:`costmodel.recorder.recorded.RecordedEvents` has them.
    """
    return _booted(program) or donors.get(program)


def donated_events(program: RecordedProgram, donated: frozenset[str]) -> frozenset[str]:
    """Return the events whose steps come from the donor: one of them begins or ends each such step.

    ``donated``: these events for the booted kernels.
    """
    return _NEXT_TABLE if _booted(program.name) else donated


def _booted(name: str) -> str | None:
    """Return the booted kernel of the source of a build; None if ``name`` was booted itself."""
    source, build, place = name.partition("@")
    arch = place.rpartition(".")[2]
    return f"{_BOOTED.get(source, source)}.{arch}" if build else None


def joined(program: RecordedProgram, donor: RecordedProgram) -> RecordedProgram:
    """Return a program with the static micro-ops of both; those of the donor stand last."""
    tables: dict[str, Any] = {
        name: np.concatenate([getattr(program, name), getattr(donor, name)])
        for name in ("kind", "op", "target", "size_bytes", "function")
    }
    site = np.concatenate([program.site.astype(np.int64), donor.site.astype(np.int64) + _SITES])
    return replace(program, site=site, **tables)


def windows_of(
    program: RecordedProgram, donor: RecordedProgram
) -> Iterator[tuple[Recording, Recording]]:
    """Yield each window of the donor twice: as recorded, and numbered for :func:`joined`."""
    first = len(program.site)
    for window in donor.recordings.values():
        yield window, replace(window, uop=window.uop + first)


def completed(library: Library, donor: Library, events: Collection[str]) -> Library:
    """Add to ``library`` the steps of ``donor`` that begin or end with one of ``events``.

    ``library`` is as it was extracted, ``donor`` as it was loaded. The producers that a donated
    step waits for are looked for among the micro-ops of the donor.
    """
    donated = {key: c for key, c in donor.choices.items() if not set(events).isdisjoint(key)}
    paths = sorted({path for choice in donated.values() for path in choice.numbers})
    number = {path: len(library.path_start) + i for i, path in enumerate(paths)}
    lengths = donor.path_length[paths]
    places = [
        np.arange(donor.path_start[p], donor.path_start[p] + donor.path_length[p]) for p in paths
    ]
    rows = np.concatenate(places)
    groups, members, uops = (
        len(library.group_start) - 1,
        len(library.group_member),
        len(library.site),
    )
    own = {"uop": donor.uop[rows] + uops, "far": _shifted(donor.far[rows], groups)}
    of_rows = ("taken", "role", "index", "offset", "near")
    own |= {name: getattr(donor, name)[rows] for name in of_rows}
    of_uops = ("kind", "op", "target", "size_bytes", "function")
    own |= {name: getattr(donor, name) for name in of_uops}
    own |= {
        "site": donor.site + _SITES,
        "path_start": np.cumsum([0, *lengths])[:-1] + len(library.uop),
        "path_length": lengths,
        "group_start": donor.group_start[1:] + members,
        "group_member": donor.group_member + uops,
    }
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(library, name), values]) for name, values in own.items()
    }
    choices = {key: choice.renumbered(number) for key, choice in donated.items()}
    return replace(library, **columns, choices={**choices, **library.choices})


def _shifted(far: NDArray[np.int32], groups: int) -> NDArray[np.int32]:
    return np.where(far >= 0, far + groups, -1).astype(np.int32)
