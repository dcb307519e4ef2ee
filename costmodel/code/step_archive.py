"""Step archives: the steps of many programs in one compressed file.

A file holds the programs of one architecture. Its head lists their names and sizes. Numbers are
stored as all their lowest bytes, then all their next bytes, and so on. As programs are similar, one
file takes half the space of an archive for each, and opens in 2 ms.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources.abc import Traversable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from costmodel.operations.registry import operation_named

Arrays = tuple[NDArray[Any], NDArray[Any]]
"""The numbers of a program, uint32[n], and the text that describes them, uint8[m]."""

STEPS: Final = "steps.xz"
"""Ending of the name of the archive with all programs of an architecture that were booted."""
BUILDS: Final = "builds.xz"
"""Ending of the name of the archive with the other builds of an architecture."""
_HEAD_BYTES: Final = 4
_NUMBER: Final = np.dtype("<u4")


def pack(programs: Mapping[str, Arrays]) -> bytes:
    """Return the archive of some programs, by name; equal programs give equal bytes."""
    ordered = dict(sorted(programs.items()))
    sizes = {name: (len(n), _width(n), len(text)) for name, (n, text) in ordered.items()}
    head = json.dumps(sizes).encode()
    data = b"".join(_planes(n) + text.tobytes() for n, text in ordered.values())
    packed = lzma.compress(data, preset=6 | lzma.PRESET_EXTREME)
    return len(head).to_bytes(_HEAD_BYTES, "big") + head + packed


def _width(numbers: NDArray[Any]) -> int:
    """Return how many bytes the largest of some numbers needs."""
    return (int(numbers.max(initial=0)).bit_length() + 7) // 8


def _planes(numbers: NDArray[Any]) -> bytes:
    planes = numbers.astype(_NUMBER).view(np.uint8).reshape(-1, _NUMBER.itemsize)
    return planes[:, : _width(numbers)].T.tobytes()


def names_in(archive: bytes) -> list[str]:
    """Return the names of the programs in an archive, sorted; nothing is unpacked."""
    return list(_sizes(archive))


def _sizes(archive: bytes) -> dict[str, list[int]]:
    end = _HEAD_BYTES + int.from_bytes(archive[:_HEAD_BYTES], "big")
    sizes: dict[str, list[int]] = json.loads(archive[_HEAD_BYTES:end])
    return sizes


class Programs(Mapping[str, Arrays]):
    """The programs of an archive by name; the arrays are made when they are asked for."""

    def __init__(self, archive: bytes) -> None:
        """Decompress an archive."""
        start = _HEAD_BYTES + int.from_bytes(archive[:_HEAD_BYTES], "big")
        self._data = np.frombuffer(lzma.decompress(archive[start:]), np.uint8)
        self._sizes = _sizes(archive)
        lengths = [count * width + length for count, width, length in self._sizes.values()]
        starts = np.cumsum([0, *lengths]).tolist()
        self._starts = dict(zip(self._sizes, starts, strict=False))

    def __getitem__(self, name: str) -> Arrays:
        """Return the numbers and the text of a program."""
        count, width, length = self._sizes[name]
        begin = self._starts[name]
        middle = begin + count * width
        numbers = np.zeros((count, _NUMBER.itemsize), np.uint8)
        numbers[:, :width] = self._data[begin:middle].reshape(width, count).T
        return numbers.view(_NUMBER).ravel(), self._data[middle : middle + length]

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(self._sizes)

    def __len__(self) -> int:
        """Return the number of programs."""
        return len(self._sizes)


def archives_of(operation: str, kind: str) -> dict[str, Traversable]:
    """Return the archives of an operation by architecture; ``kind`` is STEPS or BUILDS."""
    files = operation_named(operation).steps.iterdir()
    ending = f".{kind}"
    found = {f.name.removesuffix(ending): f for f in files if f.name.endswith(ending)}
    return dict(sorted(found.items()))


@cache
def names_of(operation: str, architecture: str, kind: str) -> list[str]:
    """Return the names of the programs of one architecture; none where nothing was recorded."""
    file = archives_of(operation, kind).get(architecture)
    return [] if file is None else names_in(file.read_bytes())


@cache
def unpacked(operation: str, architecture: str, kind: str) -> Mapping[str, Arrays]:
    """Return the programs of one architecture by name; empty where none was recorded."""
    file = archives_of(operation, kind).get(architecture)
    return {} if file is None else Programs(file.read_bytes())
