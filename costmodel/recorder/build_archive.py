"""The archive of a recorded build tree (``NAME.ckb``): windows of whole page tables, the steps that
they were cut into, and which kernel, compiler and options they come from.

To read one, none of the packages that recording needs have to be installed.
"""

from __future__ import annotations

import hashlib
import json
import textwrap
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydantic import TypeAdapter, ValidationError

from costmodel.code.library import FILE_MEMBERS, Library, to_arrays
from costmodel.config.errors import ConfigError
from costmodel.files import write_bytes
from costmodel.mm.pte import TABLE_PTES
from costmodel.recorder.archive import (
    RecordedProgram,
    member_of,
    program_from_arrays,
    program_to_arrays,
    zip_arrays,
)
from costmodel.units import GIB

SUFFIX: Final = ".ckb"
TABLE: Final = "_table"
"""How the layout names of whole tables end of which a window from the middle is kept, too."""
RELEASE: Final = "_release"
"""How the layout names of those windows end that release the pages of a table: their TLB entries
are flushed and the pages are freed, after the window of the table has gathered them."""
SCATTERED: Final = "_scattered"
"""Part of the names of layouts whose folios lie apart, before RELEASE."""
SPREAD: Final = 4
"""In scattered layouts, the distance from the start of one folio to that of the next, in sizes of a
folio."""
OLD_FRAMES: Final = 1 << 17
"""Distance, in frames, from the first frame of a table to the frames of folios that were freed long
before."""
FREED_BEFORE: Final = 1 << 24
"""Distance in frames between a page and the one that was freed in its place some lists earlier,
where they are priced."""
_FORMAT: Final = 2
_LONGEST_TEXT: Final = 60
_LARGEST_BYTES: Final = GIB
"""Of an archive unpacked; one of zap takes up to 73 MiB."""


@dataclass(frozen=True)
class BuildInfo:
    """Which build recorded code comes from, and what came of it.

    ``options``: the kernel options that change the loops. ``warnings``: what a reader of its
    numbers must know. ``tree``, ``used_compiler`` (empty: the compiler of the tree itself) and
    ``sources`` (source files): ``--like`` records another object with the same ones. ``has_steps``:
    whether it could be cut into steps; ``uncut`` says why if not, and ``loop``, ``exact`` and
    ``off_pct`` are those of :class:`costmodel.emulation.cutting.Cut`. ``slots``: by
    ``STATE/LAYOUT``, how many slots of the gather list the pages of a release take; empty where the
    steps hold the release.
    """

    name: str
    operation: str
    isa: str
    version: str
    compiler: str
    config_hash: str
    contpte: bool
    mitigations: bool
    cpu: str
    tree: str = ""
    used_compiler: str = ""
    sources: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    has_steps: bool = False
    loop: Mapping[str, Any] = field(default_factory=dict)
    exact: bool = False
    off_pct: float = 0.0
    uncut: str = ""
    slots: Mapping[str, int] = field(default_factory=dict)

    @property
    def program(self) -> str:
        """The name of its program."""
        build = self.isa
        if self.isa == "arm64":
            build = "arm64_contpte" if self.contpte else "arm64_nocontpte"
        return f"{self.name}.{build}"


_INFO: Final = TypeAdapter(BuildInfo)


@dataclass(frozen=True)
class BuildArchive:
    """A recorded build: where it comes from, its windows, and its steps if it could be cut."""

    info: BuildInfo
    program: RecordedProgram
    steps: Library | None = None

    @property
    def releases(self) -> bool:
        """Whether pages are gathered, and their release was recorded."""
        windows = self.program.recordings.values()
        return any(window.layout.endswith(RELEASE) for window in windows)

    @property
    def releases_by_steps(self) -> bool:
        """Whether the steps hold the release of gathered pages."""
        return self.info.has_steps and self.releases and not self.info.slots

    def layouts(self) -> list[str]:
        """Return the sorted names of the layouts of which a whole page table was recorded."""
        windows = self.program.recordings.values()
        found = {w.layout for w in windows if w.ptes == TABLE_PTES}
        return sorted(layout for layout in found if not layout.endswith(RELEASE))


def save_archive(path: Path, archive: BuildArchive) -> None:
    """Write an archive whole or not at all; equal builds give equal bytes."""
    arrays = program_to_arrays(archive.program)
    if archive.steps is not None:
        arrays |= dict(zip(FILE_MEMBERS, to_arrays(archive.steps).values(), strict=True))
    about = json.loads(json.dumps(asdict(archive.info)))
    digest = _digest({f"{name}.npy": member_of(array) for name, array in arrays.items()}, about)
    meta = json.dumps({"format": _FORMAT, "sha256": digest, **about}, sort_keys=True)
    arrays["meta"] = np.frombuffer(meta.encode(), dtype=np.uint8)
    write_bytes(path, zip_arrays(arrays.items(), quickly=True))


def load_archive(path: Path, *, origin: str = "") -> BuildArchive:
    """Read an archive; raise ConfigError for a file that is not one.

    ``origin`` names the option or key that the path comes from, for the fault.
    """
    try:
        return _load(path.resolve(), path.stat().st_mtime_ns)
    except ConfigError as error:
        here = (replace(fault, file=origin or str(path)) for fault in error.faults)
        raise ConfigError(here) from error.__cause__


@lru_cache(maxsize=16)
def _load(path: Path, mtime_ns: int) -> BuildArchive:
    try:
        members = _members(path)
        with path.open("rb") as file, np.load(file) as arrays:
            meta: dict[str, Any] = json.loads(arrays["meta"].tobytes())
            if meta.pop("format") != _FORMAT:
                raise ConfigError.of(path.name, "was written by another version: record it again")
            digest = meta.pop("sha256", None)
            if digest not in (None, _digest(members), _digest(members, meta)):
                raise ConfigError.of(path.name, "is damaged: record it again")
            info = _info(meta)
            program = program_from_arrays(info.program, arrays)
    except ConfigError:
        raise
    except Exception as error:  # readers of archives raise whatever their many layers raise
        got = textwrap.shorten(_why(error), _LONGEST_TEXT, placeholder=" ...")
        raise ConfigError.of(path.name, "is no archive of a recorded build", got=got) from error
    if digest is None:
        reason = "is of before version 0.3, and has no checksum: record it again"
        warnings.warn(f"{path.name}: {reason}", FutureWarning, stacklevel=3)
    return BuildArchive(info, program)


def _why(error: Exception) -> str:
    """Return what was wrong in an archive, in words."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}"
    return f"without {error}" if isinstance(error, KeyError) else str(error)


def _members(path: Path) -> dict[str, bytes]:
    """Return everything in an archive but what is said about it."""
    with zipfile.ZipFile(path) as archive:
        size_bytes = sum(member.file_size for member in archive.infolist())
        if size_bytes > _LARGEST_BYTES:
            raise ValueError(f"{size_bytes >> 20} MiB unpacked")
        names = (name for name in archive.namelist() if name != "meta.npy")
        return {name: archive.read(name) for name in names}


def _digest(members: Mapping[str, bytes], about: Mapping[str, Any] | None = None) -> str:
    """Return the SHA-256 of the content of an archive, and of what is said about it.

    Until version 0.4 the latter was not in it.
    """
    found = hashlib.sha256()
    for name, content in sorted(members.items()):
        found.update(f"{name} {len(content)}\n".encode() + content)
    if about is not None:
        found.update(json.dumps(about, sort_keys=True).encode())
    return found.hexdigest()


def _info(about: Mapping[str, Any]) -> BuildInfo:
    """Return what is said about a build; raise ValueError or TypeError where it is none of that."""
    unknown = about.keys() - BuildInfo.__dataclass_fields__.keys()
    if unknown:
        raise ValueError(f"unknown key {min(unknown)!r}")
    info = _INFO.validate_json(json.dumps(about), strict=True)
    if info.exact and not info.has_steps:
        raise ValueError("exact steps that are not there")
    shown = info.name, info.version, info.compiler, info.cpu, info.uncut, *info.warnings
    if not "".join(shown).replace("\n", "").isprintable():
        raise ValueError("texts that cannot be printed")
    return info


def archive_path(reference: str) -> Path:
    """Return which file ``@NAME`` or ``@PATH`` means, whether it is there or not."""
    name = reference.removeprefix("@")
    return Path(name if name.endswith(SUFFIX) else name + SUFFIX)


def find_archive(reference: str, *, origin: str) -> Path:
    """Return the file that ``@NAME`` or ``@PATH`` means: NAME.ckb below this directory.

    Raises ConfigError where there is none, with the archives that there are.
    """
    path = archive_path(reference)
    if path.is_file():
        return path
    known = sorted(found.stem for found in path.parent.glob(f"*{SUFFIX}"))
    there = f"; there are: {', '.join(known)}" if known else ""
    reason = f"no such archive: costmodel record writes {path.name}{there}"
    raise ConfigError.of(origin, reason, got=repr(reference))
