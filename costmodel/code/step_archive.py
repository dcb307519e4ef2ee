"""Step archives: the steps of many programs in one compressed file.

A file holds the programs of one instruction set: the kernels that were booted and other builds, on
arm64 with and without contiguous blocks. Its head lists their names and the sizes of their columns.
A column is stored for one program after the other, because programs are similar, and of each the
lowest bytes of all numbers, then the next bytes, and so on. So one file takes half the space of an
archive for each.
"""

from __future__ import annotations

import json
import lzma
import math
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from costmodel.operations.registry import operation_named

Arrays = tuple[NDArray[Any], NDArray[Any]]
"""The numbers of a program, int64[n], and the text that describes them, uint8[m]."""

ENDING: Final = ".xz"
"""Ending of the names of archives."""
_HEAD_BYTES: Final = 4
_FILTERS: Final[list[dict[str, int]]] = [
    {"id": lzma.FILTER_LZMA2, "preset": 6 | lzma.PRESET_EXTREME, "lc": 3, "lp": 0, "pb": 0}
]
_Sizes = dict[str, tuple[int, str]]
"""By program: the bytes of its text, and a digit for the bytes of a number of each column."""
_NUMBER: Final = np.dtype("<u8")
_RISING: Final = frozenset({"site", "path_start", "uop", "group_start", "group_member"})
"""Columns whose numbers mostly rise by little: stored as differences."""


def pack(programs: Mapping[str, Arrays]) -> bytes:
    """Return the archive of some programs, by name; equal programs give equal bytes.

    The text of a program is JSON whose ``columns`` hold the shape of each column of its numbers,
    behind the lowest number.
    """
    split = {name: _columns(*arrays) for name, arrays in sorted(programs.items())}
    head = json.dumps(
        {
            name: [len(programs[name][1]), "".join(str(_width(v)) for v in columns.values())]
            for name, columns in split.items()
        }
    ).encode()
    head = lzma.compress(head, check=lzma.CHECK_NONE, filters=_FILTERS)
    texts = [programs[name][1].tobytes() for name in split]
    columns = [_planes(split[name][key]) for name, key in _order(split)]
    data = b"".join([*texts, *columns])
    tried = ([{**_FILTERS[0], "lc": bits}] for bits in (2, 3, 4))
    packed = min((lzma.compress(data, check=lzma.CHECK_CRC32, filters=f) for f in tried), key=len)
    return len(head).to_bytes(_HEAD_BYTES, "big") + head + packed


def _columns(numbers: NDArray[Any], text: NDArray[Any]) -> dict[str, NDArray[Any]]:
    lengths = _lengths(text)
    ends = np.cumsum(list(lengths.values()))
    parts = zip(lengths, np.split(numbers.astype(np.int64), ends[:-1]), strict=True)
    return {key: _differences(part) if key in _RISING else part for key, part in parts}


def _differences(numbers: NDArray[Any]) -> NDArray[Any]:
    """Return the differences from number to number: twice as much, and those that fall odd."""
    steps = np.diff(numbers, prepend=0)
    return np.where(steps < 0, -2 * steps - 1, 2 * steps)


def _summed(stored: NDArray[Any]) -> NDArray[Any]:
    """Return the numbers that :func:`_differences` was given."""
    return np.cumsum(np.where(stored % 2, -(stored + 1) // 2, stored // 2))


def _lengths(text: NDArray[Any]) -> dict[str, int]:
    shapes: dict[str, list[int]] = json.loads(text.tobytes())["columns"]
    return {name: math.prod(shape) for name, (_, *shape) in shapes.items()}


def _order(programs: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return (program, column) of what an archive holds, in its order."""
    keys = dict.fromkeys(key for columns in programs.values() for key in columns)
    return [(name, key) for key in keys for name in programs if key in programs[name]]


def _width(numbers: NDArray[Any]) -> int:
    """Return how many bytes the largest of some numbers needs."""
    return (int(numbers.max(initial=0)).bit_length() + 7) // 8


def _planes(numbers: NDArray[Any]) -> bytes:
    planes = numbers.astype(_NUMBER).view(np.uint8).reshape(-1, _NUMBER.itemsize)
    return planes[:, : _width(numbers)].T.tobytes()


def names_in(archive: bytes) -> list[str]:
    """Return the names of the programs in an archive, sorted; nothing is unpacked."""
    return list(_sizes(archive))


def _sizes(archive: bytes) -> _Sizes:
    end = _HEAD_BYTES + int.from_bytes(archive[:_HEAD_BYTES], "big")
    sizes: _Sizes = json.loads(lzma.decompress(archive[_HEAD_BYTES:end]))
    return sizes


class Programs(Mapping[str, Arrays]):
    """The programs of an archive by name; the arrays are made when they are asked for."""

    def __init__(self, archive: bytes) -> None:
        """Decompress an archive."""
        start = _HEAD_BYTES + int.from_bytes(archive[:_HEAD_BYTES], "big")
        self._data = np.frombuffer(lzma.decompress(archive[start:]), np.uint8)
        self._texts: dict[str, NDArray[Any]] = {}
        self._columns: dict[str, dict[str, tuple[int, int, int]]] = {}
        counts, widths, end = {}, {}, 0
        for name, (length, digits) in _sizes(archive).items():
            begin, end = end, end + length
            self._texts[name] = self._data[begin:end]
            # The order of a program's own columns is that of its text.
            counts[name] = _lengths(self._texts[name])
            widths[name] = dict(zip(counts[name], map(int, digits), strict=True))
            self._columns[name] = dict.fromkeys(counts[name], (0, 0, 0))
        for name, key in _order(counts):
            count, width = counts[name][key], widths[name][key]
            self._columns[name][key] = (end, count, width)
            end += count * width

    def __getitem__(self, name: str) -> Arrays:
        """Return the numbers and the text of a program."""
        columns = [self._column(key, *place) for key, place in self._columns[name].items()]
        return np.concatenate(columns), self._texts[name]

    def _column(self, key: str, begin: int, count: int, width: int) -> NDArray[Any]:
        numbers = np.zeros((count, _NUMBER.itemsize), np.uint8)
        numbers[:, :width] = self._data[begin : begin + count * width].reshape(width, count).T
        stored = numbers.view(_NUMBER).ravel().astype(np.int64)
        return _summed(stored) if key in _RISING else stored

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(self._texts)

    def __len__(self) -> int:
        """Return the number of programs."""
        return len(self._texts)


@cache
def names_of(operation: str) -> tuple[str, ...]:
    """Return the names of the programs that have steps for an operation, sorted."""
    files = operation_named(operation).steps.iterdir()
    found = (names_in(file.read_bytes()) for file in files if file.name.endswith(ENDING))
    return tuple(sorted(chain.from_iterable(found)))


@cache
def unpacked(operation: str, archive: str) -> Mapping[str, Arrays]:
    """Return the programs of one file by name; empty where there is no such file."""
    file = operation_named(operation).steps / archive
    return Programs(file.read_bytes()) if file.is_file() else {}
