"""Mappings and pages of a process, as ``smaps``, ``pagemap`` and ``/proc/kpageflags`` show them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from costmodel.arrays import Ints
from costmodel.config.errors import ConfigError, Fault, describe
from costmodel.units import KIB, LARGEST_ORDER, PAGE_BYTES

Words = NDArray[np.uint64]

MOST_PAGES = 1 << 21
"""How many pages are looked at. Of larger processes, evenly spread pieces of 2 MiB are taken."""
_PIECE = 512
_PRESENT, _SWAPPED, _FILE, _EXCLUSIVE, _FRAME_BITS = 63, 62, 61, 56, 55
_FOLIO_HEAD, _FOLIO_TAIL = 15, 16
_BLOCK = 4096
"""How many page frames have their flags read together; an aligned block holds whole folios."""
_HEAD = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) [0-9a-f]+ \S+ \d+\s*(.*)")
_VALUE = re.compile(r"(\w+):\s+(\d+) kB")
_OTHER = re.compile(r"(THPeligible|VmFlags|ProtectionKey):.*")


@dataclass
class Mapping:
    """One mapping (VMA); ``sizes`` are in bytes, by the names of smaps such as ``Anonymous``."""

    start: int
    end: int
    rights: str
    name: str
    sizes: dict[str, int] = field(default_factory=dict)

    @property
    def copied(self) -> bool:
        """Whether fork copies its entries: it is private and holds anonymous memory."""
        return self.rights.endswith("p") and self.sizes.get("Anonymous", 0) > 0


def read_mappings(text: str, file: str) -> list[Mapping]:
    """Return the mappings in a text of smaps; raise ConfigError with all lines of other forms.

    Of a text without a single mapping that is the first one.
    """
    found: list[Mapping] = []
    faults = []
    for number, line in enumerate(text.splitlines(), 1):
        if head := _HEAD.fullmatch(line):
            start, end = int(head[1], 16), int(head[2], 16)
            found.append(Mapping(start, end, head[3], head[4]))
        elif found and (value := _VALUE.fullmatch(line.strip())):
            found[-1].sizes[value[1]] = KIB * int(value[2])
        elif line.strip() and not (found and _OTHER.fullmatch(line)):
            reason = "is no line of /proc/PID/smaps"
            faults.append(Fault(file, number, 1, reason=reason, got=describe(line.strip())))
    if faults:
        raise ConfigError(faults if found else faults[:1])
    if not found:
        raise ConfigError.of(file, "holds no mapping")
    return found


@dataclass(frozen=True)
class ProcessPages:
    """The present anonymous pages of a process by address; arrays have one entry per page."""

    address: Ints
    """Number of the virtual page."""
    frame: Ints | None
    """Number of the page frame; None where the system does not say."""
    exclusive: NDArray[np.bool_]
    """Whether no other process maps it."""
    empty: int = 0
    """Number of empty entries of the mappings, in page tables that map some of the pages."""
    swapped: int = 0
    """Number of pages that are swapped out or migrate."""


def read_pages(file: Path, mappings: Iterable[Mapping]) -> ProcessPages:
    """Return the present anonymous pages of ``mappings``; ``file`` is the process's pagemap.

    Raises OSError if it may not be read.
    """
    spans = [(m.start // PAGE_BYTES, m.end // PAGE_BYTES) for m in mappings]
    total = sum(end - start for start, end in spans)
    every = max(1, -(-total // MOST_PAGES))
    words: list[Words] = []
    numbers: list[Ints] = []
    with file.open("rb", buffering=0) as stream:
        for start, end in _pieces(spans, every):
            stream.seek(8 * start)
            raw = np.frombuffer(stream.read(8 * (end - start)), np.uint64)
            words.append(raw)
            numbers.append(np.arange(start, start + len(raw), dtype=np.int64))
    word = np.concatenate(words) if words else np.zeros(0, np.uint64)
    number = np.concatenate(numbers) if numbers else np.zeros(0, np.int64)
    there = _bit(word, _PRESENT) & ~_bit(word, _FILE)
    table = number // _PIECE
    swapped = _bit(word, _SWAPPED)
    empty = np.isin(table, np.unique(table[there])) & ~swapped & ~_bit(word, _PRESENT)
    word, number = word[there], number[there]
    frame = (word & np.uint64((1 << _FRAME_BITS) - 1)).astype(np.int64)
    frames = frame if frame.any() else None
    exclusive = _bit(word, _EXCLUSIVE)
    return ProcessPages(number, frames, exclusive, int(empty.sum()), int(swapped.sum()))


def _pieces(spans: Iterable[tuple[int, int]], every: int) -> Iterable[tuple[int, int]]:
    place = 0
    for start, end in spans:
        if every == 1:
            yield start, end
            continue
        for piece in range(start - start % _PIECE, end, _PIECE):
            if place % every == 0:
                yield max(start, piece), min(end, piece + _PIECE)
            place += 1


def orders_of(frames: Ints, file: Path = Path("/proc/kpageflags")) -> Ints:
    """Return the order of the folio that holds each page frame.

    Raises OSError if the file of flags may not be read.
    """
    orders = np.zeros(len(frames), np.int64)
    blocks, where = np.unique(frames // _BLOCK, return_inverse=True)
    by_block = np.argsort(where, kind="stable")
    cuts = np.searchsorted(where[by_block], np.arange(len(blocks) + 1))
    with file.open("rb", buffering=0) as stream:
        for place, block in enumerate(blocks):
            stream.seek(8 * _BLOCK * int(block))
            flags = np.frombuffer(stream.read(8 * _BLOCK), np.uint64)
            inside = by_block[cuts[place] : cuts[place + 1]]
            sizes = _folio_sizes(flags)
            own = frames[inside] % _BLOCK
            known = own < len(sizes)
            found = np.log2(sizes[own[known]]).astype(np.int64)
            orders[inside[known]] = np.minimum(found, LARGEST_ORDER)
    return orders


def _folio_sizes(flags: Words) -> Ints:
    """Return the pages of the folio that holds each frame of a block; 1 for single pages."""
    tail = _bit(flags, _FOLIO_TAIL)
    starts = np.flatnonzero(~tail)
    lengths = np.diff([*starts, len(flags)])
    heads = _bit(flags[starts], _FOLIO_HEAD)
    sizes = np.ones(len(flags), np.int64)
    if len(starts):
        sizes[starts[0] :] = np.repeat(np.where(heads, lengths, 1), lengths)
    return sizes


def _bit(words: Words, number: int) -> NDArray[np.bool_]:
    return np.asarray((words >> np.uint64(number)) & np.uint64(1) == 1)
