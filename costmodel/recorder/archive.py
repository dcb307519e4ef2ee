"""The compact form of the recordings: one archive per kernel build (variant and architecture).

An archive holds a table of static micro-ops (the code), and for each recorded window the micro-ops
that were executed, in order. Properties that are the same in every execution stand once, in the
table.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from costmodel.arrays import Ints

Texts = NDArray[np.str_]

FOLDER = Path(__file__).resolve().parents[2] / "tools" / "recordings"
"""Where the recordings lie: in the repository only; installed packages do not contain them."""
STEPS_FOLDER = FOLDER / "steps"
"""Where the steps of those builds lie that ``tools.builds.record`` cuts when it records them."""
ALIGNED: Final = "_aligned"
"""How the names of layouts end whose frames lie in their blocks of 16 as their entries do."""


@dataclass(frozen=True)
class RecordedProgram:
    """The static micro-ops of one kernel build and its recorded windows.

    All tables have one entry per static micro-op ``u``: ``site`` (the machine instruction),
    ``kind``, ``op`` (mnemonic), ``target``, ``size_bytes`` and ``function``.
    """

    name: str
    site: Ints
    kind: Texts
    op: Texts
    target: Texts
    size_bytes: Ints
    function: Texts
    recordings: Mapping[str, Recording]

    @classmethod
    def of(
        cls,
        name: str,
        static: Iterable[tuple[int, str, str, str, int, str]],
        recordings: Mapping[str, Recording],
    ) -> RecordedProgram:
        """Return a program of rows ``static``: one value for each table, in their order."""
        site, kind, op, target, size, function = map(np.array, zip(*static, strict=True))
        return cls(name, site, kind, op, target, size, function, recordings)

    @property
    def isa(self) -> str:
        """``arm64`` or ``x86_64``."""
        return "x86_64" if self.name.endswith("x86_64") else "arm64"


@dataclass(frozen=True)
class Recording:
    """One recorded window of ``n`` executed micro-ops.

    ``uop`` int64[n]: static micro-op. ``distance`` int64[n, 5]: rows back to the producer of each
    input, 0 for none; columns as in :class:`costmodel.code.trace.Trace`. ``index``, ``offset``: PTE
    or struct-page number and byte in it; else line number and byte in the line. ``taken``: 1, 0,
    or -1 where the micro-op is no conditional branch. ``ptes``: entries that the window covers.
    """

    state: str
    layout: str
    ptes: int
    uop: Ints
    distance: Ints
    index: Ints
    offset: Ints
    taken: Ints

    @property
    def first_slot(self) -> int:
        """Where the window starts, for places in a block: transitions with slot 508."""
        return 508 if self.layout == "order0_transition" else 0

    def __len__(self) -> int:
        """Return the number of micro-ops."""
        return len(self.uop)


_TABLES = ("site", "kind", "op", "target", "size_bytes", "function")
_COLUMNS = ("uop", "distance", "index", "offset", "taken")


def recorded_names(operation: str) -> list[str]:
    """Return the names of the recorded programs of ``operation``, sorted."""
    folder = FOLDER / operation
    return sorted(entry.name[: -len(".npz")] for entry in folder.iterdir())


def cut_programs(operation: str) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    """Return the steps of the programs of ``operation`` that were cut when they were recorded.

    The two arrays of each program are those of :func:`costmodel.code.library.to_arrays`.
    """
    found = {}
    for path in sorted((STEPS_FOLDER / operation).glob("*.npz")):
        with np.load(path) as arrays:
            found[path.name[: -len(".npz")]] = arrays["numbers"], arrays["text"]
    return found


@cache
def load_program(operation: str, name: str) -> RecordedProgram:
    """Read the archive of ``name`` (``variant.arch``) recorded for ``operation``.

    Raises FileNotFoundError when there is no such recording.
    """
    path = FOLDER / operation / f"{name}.npz"
    with path.open("rb") as file, np.load(file) as arrays:
        return program_from_arrays(name, arrays)


def program_from_arrays(name: str, arrays: Any) -> RecordedProgram:
    """Return the program ``name`` from named arrays, such as those of an opened archive.

    It is the inverse of :func:`program_to_arrays`.
    """
    tables = {key: arrays[key] for key in _TABLES}
    windows = [key[: -len("/uop")] for key in arrays if key.endswith("/uop")]
    recordings = {key: _window(key, arrays) for key in windows}
    return RecordedProgram(name=name, recordings=recordings, **tables)


def _window(key: str, arrays: Mapping[str, Any]) -> Recording:
    state, layout = key.split("/")
    columns = {name: arrays[f"{key}/{name}"].astype(np.int64) for name in _COLUMNS}
    return Recording(state, layout, int(arrays[f"{key}/ptes"].item()), **columns)


def program_to_arrays(program: RecordedProgram) -> dict[str, NDArray[Any]]:
    """Return a program as named arrays, for an archive."""
    arrays: dict[str, NDArray[Any]] = {key: getattr(program, key) for key in _TABLES}
    for key, window in sorted(program.recordings.items()):
        arrays[f"{key}/ptes"] = np.array(window.ptes)
        for name in _COLUMNS:
            arrays[f"{key}/{name}"] = getattr(window, name)
    return arrays


def save_program(program: RecordedProgram) -> bytes:
    """Return the archive of ``program`` as bytes; equal programs give equal bytes."""
    return zip_arrays(program_to_arrays(program).items())


def _narrow(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype.kind not in "iu":
        return np.ascontiguousarray(values)
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    return np.ascontiguousarray(
        values, np.promote_types(np.min_scalar_type(low), np.min_scalar_type(high))
    )


def zip_arrays(arrays: Iterable[tuple[str, NDArray[Any]]], *, quickly: bool = False) -> bytes:
    """Return named arrays as one compressed archive; equal arrays give equal bytes.

    ``quickly``: in a tenth of the time, and about twice as large.
    """
    buffer, method = BytesIO(), zipfile.ZIP_DEFLATED if quickly else zipfile.ZIP_LZMA
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays:
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = method
            archive.writestr(entry, member_of(array))
    return buffer.getvalue()


def member_of(array: NDArray[Any]) -> bytes:
    """Return an array as it stands in an archive, before it is compressed."""
    member = BytesIO()
    np.lib.format.write_array(member, _narrow(array), allow_pickle=False)
    return member.getvalue()
