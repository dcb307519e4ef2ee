"""Steps that a program never executed while it was recorded are taken from a kernel that did.

That kernel is called the fallback. Builds by other compilers were recorded only in the steady state
inside a table, so their steps from one table to the next come from the booted kernel of the same
source.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from costmodel.code.library import BUILD_MARK, OF_MICRO_OPS, OF_ROWS, Library
from costmodel.recorder.archive import RecordedProgram, Recording

_BOOTED: Final = {"v6.8base": "v6.7"}
"""For sources that were never booted: a booted one that executes the same between tables."""
_NEXT_TABLE: Final = frozenset({"alloc"})
_SITES: Final = 1 << 16
"""What is added to the numbers of the fallback's instructions, so that they differ from those of
the program itself."""


def fallback_of(program: str, fallbacks: Mapping[str, str]) -> str | None:
    """Return the name of the program that gives ``program`` the steps that were not recorded of it.

    None if it needs none. ``fallbacks``: those of the booted kernels, as
    :class:`costmodel.recorder.recorded.RecordedEvents` has them.
    """
    return _booted(program) or fallbacks.get(program)


def fallback_events(program: RecordedProgram, missing: frozenset[str]) -> frozenset[str]:
    """Return the events that begin or end the steps which come from the fallback.

    ``missing``: these events for the booted kernels.
    """
    return _NEXT_TABLE if _booted(program.name) else missing


def _booted(name: str) -> str | None:
    """Return the booted kernel of the source of a build; None if ``name`` was booted itself."""
    source, build, place = name.partition(BUILD_MARK)
    arch = place.rpartition(".")[2]
    return f"{_BOOTED.get(source, source)}.{arch}" if build else None


def joined(program: RecordedProgram, fallback: RecordedProgram) -> RecordedProgram:
    """Return a program with the static micro-ops of both; those of the fallback stand last."""
    tables: dict[str, Any] = {
        name: np.concatenate([getattr(program, name), getattr(fallback, name)])
        for name in OF_MICRO_OPS
    }
    tables["site"] = tables["site"].astype(np.int64)
    tables["site"][len(program.site) :] += _SITES
    return replace(program, **tables)


def windows_of(
    program: RecordedProgram, fallback: RecordedProgram
) -> Iterator[tuple[Recording, Recording]]:
    """Yield each window of the fallback twice: as recorded, and numbered for :func:`joined`."""
    first = len(program.site)
    for window in fallback.recordings.values():
        yield window, replace(window, uop=window.uop + first)


def completed(library: Library, fallback: Library, events: Collection[str]) -> Library:
    """Add to ``library`` the steps of ``fallback`` that begin or end with one of ``events``.

    ``library`` is as it was extracted, ``fallback`` as it was loaded. What an added step waits
    for is looked for among the micro-ops of the fallback.
    """
    theirs = {key: c for key, c in fallback.choices.items() if not set(events).isdisjoint(key)}
    fragments = sorted({fragment for choice in theirs.values() for fragment in choice.numbers})
    number = {fragment: len(library.fragment_start) + i for i, fragment in enumerate(fragments)}
    lengths = fallback.fragment_length[fragments]
    rows = fallback.rows_of(fragments)
    groups, members, uops = (
        len(library.group_start) - 1,
        len(library.group_member),
        len(library.site),
    )
    own = {"uop": fallback.uop[rows] + uops, "far": _shifted(fallback.far[rows], groups)}
    own |= {name: getattr(fallback, name)[rows] for name in OF_ROWS}
    own |= {name: getattr(fallback, name) for name in OF_MICRO_OPS}
    own |= {
        "site": fallback.site + _SITES,
        "fragment_start": np.cumsum([0, *lengths])[:-1] + len(library.uop),
        "fragment_length": lengths,
        "group_start": fallback.group_start[1:] + members,
        "group_member": fallback.group_member + uops,
    }
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(library, name), values]) for name, values in own.items()
    }
    choices = {key: choice.renumbered(number) for key, choice in theirs.items()}
    return replace(library, **columns, choices={**choices, **library.choices})


def _shifted(far: NDArray[np.int32], groups: int) -> NDArray[np.int32]:
    return np.where(far >= 0, far + groups, -1).astype(np.int32)
