"""The folder of a sweep: ``study.json`` says what is computed, ``cells/`` holds the results.

These are in pieces (chunks), each a Parquet file, or an ``.npz`` archive where pyarrow is not
installed. A piece is written whole or not at all, so a sweep that was stopped goes on with the
missing ones, and ends with the same bytes.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt

from costmodel import __version__
from costmodel.config.errors import ConfigError
from costmodel.config.json_text import read_json
from costmodel.config.schema import validated
from costmodel.files import json_text, why_not, write_bytes, write_text
from costmodel.store import program_sha256
from costmodel.sweeps.price import Table
from costmodel.sweeps.study import SweepStudy

SCHEMA = 1
STUDY = "study.json"
CELLS = "cells"
Format = Literal["parquet", "npz"]
_LENIENT = ConfigDict(strict=True, extra="ignore", frozen=True)


def preferred_format() -> Format:
    """Return the format of the chunks of a new sweep.

    It is ``parquet``, or ``npz`` where pyarrow is not installed.
    """
    return "parquet" if importlib.util.find_spec("pyarrow") else "npz"


def check_folder(path: Path, *, origin: str = "-o") -> None:
    """Raise ConfigError for a place that is neither the folder of a sweep nor can become one.

    ``origin`` is what messages call the path.
    """
    reason = ""
    if path.exists() and not path.is_dir():
        reason = "is no directory"
    elif path.is_dir() and any(path.iterdir()) and not (path / STUDY).exists():
        reason = f"is not empty and has no {STUDY}: choose another place"
    else:
        reason = why_not(path / STUDY)
    if reason:
        raise ConfigError.of(origin, reason, got=repr(str(path)))


class _Question(BaseModel):
    """The part of the scenario that is shown."""

    model_config = _LENIENT
    operation: str
    baseline: str


class StudyRecord(BaseModel):
    """The keys of ``study.json`` that are read.

    Others are ignored, so that files of newer versions can be read.
    """

    model_config = _LENIENT
    kind: Literal["sweep"]
    version: str
    title: str
    scenario: _Question
    machines: dict[str, str]
    over: dict[str, str]
    points: NonNegativeInt
    cells: NonNegativeInt
    chunks: Annotated[int, Field(ge=0, le=10**6)]
    format: Format


@dataclass(frozen=True)
class SweepFolder:
    """A folder for the results of a sweep, complete or not.

    ``tables()`` yields what was computed:

        for table in folder.tables(["strategy", "change_pct"]):
            print(table["strategy"], table["change_pct"])
    """

    path: Path
    document: dict[str, Any]
    """The content of ``study.json``."""

    @classmethod
    def made_for(cls, path: Path, study: SweepStudy, *, origin: str = "-o") -> SweepFolder:
        """Return the folder of a study at ``path``; it is created if needed.

        Raises ConfigError where it holds another study or other files, or cannot be written.
        ``origin`` is what messages call the path.
        """
        check_folder(path, origin=origin)
        there = path / STUDY
        if there.exists():
            old = _read(there)
            document = _document(study, old.get("format", preferred_format()))
            different = [key for key in document if document[key] != old.get(key)]
            if different:
                reason = (
                    f"holds another study ({', '.join(different)} differ): choose another place"
                )
                raise ConfigError.of(origin, reason, got=repr(str(path)))
            return cls(path, document)
        document = _document(study, preferred_format())
        write_text(there, json_text(document))
        return cls(path, document)

    @classmethod
    def opened(cls, path: Path, *, origin: str = "") -> SweepFolder:
        """Return the folder of a sweep that was begun; raise ConfigError where ``path`` is none.

        ``origin`` is what messages call the path; empty: the path itself.
        """
        if not (path / STUDY).is_file():
            raise ConfigError.of(origin or str(path), f"has no {STUDY}")
        return cls(path, _read(path / STUDY))

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """The path of the file of each chunk, in order.

        A chunk is computed if and only if its file exists.
        """
        suffix, count = self.document["format"], self.document["chunks"]
        return tuple(self.path / CELLS / f"part-{n:06d}.{suffix}" for n in range(count))

    def missing(self) -> list[int]:
        """Return the numbers of the chunks that are not computed yet, ascending."""
        return [number for number, file in enumerate(self.files) if not file.is_file()]

    def missing_cells(self) -> int:
        """Return how many cells of the sweep are not computed yet.

        Raises ConfigError for a chunk that is damaged, because computed chunks are read for it.
        """
        if not self.missing():
            return 0
        there = sum(len(table["point"]) for table in self.tables(["point"]))
        return int(self.document["cells"]) - there

    def keep(self, number: int, table: Table) -> None:
        """Write the rows of chunk ``number`` to its file.

        The file appears in one step, so that no reader sees a part of it. Raises OSError where it
        cannot be written.
        """
        write = _parquet if self.document["format"] == "parquet" else _npz
        write_bytes(self.files[number], write(table))

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[Table]:
        """Yield the chunks that are computed, in order, each a mapping from column to array.

        ``columns`` selects some of the columns, which docs/sweep.md describes. Raises ConfigError
        for a chunk that is not as it was written.
        """
        for file in self.files:
            if file.is_file():
                yield _table(file, columns)


def _document(study: SweepStudy, form: str) -> dict[str, Any]:
    machines = {block.machine.name: block.machine for block in study.blocks}
    return {
        "schema": SCHEMA,
        "kind": "sweep",
        "version": __version__,
        "program_sha256": program_sha256(),
        "title": study.title,
        "scenario": study.scenario.model_dump(mode="json", exclude={"machines"}),
        "machines": {
            name: hashlib.sha256(machine.model_dump_json().encode()).hexdigest()
            for name, machine in machines.items()
        },
        "strategies_sha256": _own_strategies(study),
        "over": {axis.key: axis.text for axis in (*study.keys, *study.numbers)},
        "design": study.design.model_dump(mode="json"),
        "points": study.points * len(study.settings),
        "cells": study.cells,
        "chunks": len(study.chunks),
        "format": form,
    }


def _own_strategies(study: SweepStudy) -> dict[str, str]:
    """Return the SHA-256 of each file that the user's strategies come from, by path."""
    names = {cell.strategy for block in study.blocks for cell in block.cells}
    files = {Path(name.rpartition(":")[0]) for name in names if ":" in name}
    return {
        str(file): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(files)
        if file.is_file()
    }


def _read(file: Path) -> dict[str, Any]:
    """Return what ``study.json`` says; raise ConfigError with its faults and their places."""
    placed = read_json(file)
    validated(StudyRecord, placed)
    found: dict[str, Any] = placed.data
    return found


def _parquet(table: Table) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    stream = io.BytesIO()
    columns = {name: _arrow(values) for name, values in table.items()}
    # A file of which a bit changed is then no other result, but damaged.
    parquet.write_table(pa.table(columns), stream, compression="zstd", write_page_checksum=True)
    return stream.getvalue()


def _arrow(values: NDArray[Any]) -> Any:
    """Return a column for pyarrow, whose own ``array()`` loads pandas: 0.2 s, and 40 MB."""
    import pyarrow as pa

    if values.dtype.kind == "U":
        texts = [text.encode() for text in values.tolist()]
        ends = np.cumsum([0, *map(len, texts)], dtype=np.int32)
        parts = [pa.py_buffer(ends), pa.py_buffer(b"".join(texts))]
        return pa.StringArray.from_buffers(len(texts), *parts)
    bits = np.packbits(values, bitorder="little") if values.dtype.kind == "b" else values
    parts = [None, pa.py_buffer(np.ascontiguousarray(bits))]
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), parts)


def _npz(table: Table) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **table)
    return stream.getvalue()


def _table(file: Path, columns: Sequence[str] | None) -> Table:
    try:
        return _decoded(file, columns)
    except Exception:  # readers of archives raise whatever their many layers raise
        reason = "is damaged: delete it, and the same sweep computes it anew"
        raise ConfigError.of(str(file), reason) from None


def _decoded(file: Path, columns: Sequence[str] | None) -> Table:
    if file.suffix == ".npz":
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            return {name: archive[name] for name in columns or archive.files}
    from pyarrow import parquet

    names = None if columns is None else list(columns)
    found = parquet.read_table(file, columns=names, page_checksum_verification=True)
    return {name: found[name].to_numpy() for name in found.column_names}
