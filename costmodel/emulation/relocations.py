"""The relocation types that kernels use: how each writes an address into code or data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

CALLS: Final = {"x86_64": {4}, "arm64": {282, 283}}
"""Types that only branches and calls have: ``R_X86_64_PLT32``, ``R_AARCH64_JUMP26``, ``CALL26``."""
_MASK: Final = (1 << 64) - 1

_Write = Callable[[int, int, int], int]
"""Computes the new word from the old word, the place and the target address."""


def apply(isa: str, image: Any, place: int, kind: int, target: int) -> None:
    """Write ``target`` at ``place`` of the image as ``kind`` says; KeyError for an unknown one."""
    size, write = (_X86 if isa == "x86_64" else _ARM64)[kind]
    if size:
        old = int.from_bytes(image.read(place, size), "little")
        new = write(old, place, target) & ((1 << 8 * size) - 1)
        image.write(place, new.to_bytes(size, "little"))


def _absolute(_old: int, _place: int, target: int) -> int:
    return target & _MASK


def _relative(_old: int, place: int, target: int) -> int:
    return target - place


_X86: Final[dict[int, tuple[int, _Write]]] = {
    0: (0, _absolute),  # NONE
    1: (8, _absolute),  # 64
    2: (4, _relative),  # PC32
    4: (4, _relative),  # PLT32
    10: (4, _absolute),  # 32
    11: (4, _absolute),  # 32S
    24: (8, _relative),  # PC64
}


def _field(shift: int, bits: int, value: Callable[[int, int], int]) -> _Write:
    mask = ((1 << bits) - 1) << shift

    def write(old: int, place: int, target: int) -> int:
        return old & ~mask | value(place, target) << shift & mask

    return write


def _page_offset(scale: int) -> tuple[int, _Write]:
    return 4, _field(10, 12, lambda _, target: (target & 0xFFF) >> scale)


def _split(value: Callable[[int, int], int]) -> _Write:
    """Return a writer for the 21 bits of ADR and ADRP, of which two lie apart."""

    def write(old: int, place: int, target: int) -> int:
        number = value(place, target)
        low, high = number & 3, number >> 2 & 0x7FFFF
        return old & ~(3 << 29 | 0x7FFFF << 5) | low << 29 | high << 5

    return write


def _words(place: int, target: int) -> int:
    return (target - place) >> 2


_ARM64: Final[dict[int, tuple[int, _Write]]] = {
    0: (0, _absolute),  # NONE
    256: (0, _absolute),  # NONE
    257: (8, _absolute),  # ABS64
    258: (4, _absolute),  # ABS32
    260: (8, _relative),  # PREL64
    261: (4, _relative),  # PREL32
    273: (4, _field(5, 19, _words)),  # LD_PREL_LO19
    274: (4, _split(lambda place, target: target - place)),  # ADR_PREL_LO21
    275: (4, _split(lambda place, target: (target >> 12) - (place >> 12))),  # ADR_PREL_PG_HI21
    276: (4, _split(lambda place, target: (target >> 12) - (place >> 12))),
    277: _page_offset(0),  # ADD_ABS_LO12_NC
    278: _page_offset(0),  # LDST8_ABS_LO12_NC
    279: (4, _field(5, 14, _words)),  # TSTBR14
    280: (4, _field(5, 19, _words)),  # CONDBR19
    282: (4, _field(0, 26, _words)),  # JUMP26
    283: (4, _field(0, 26, _words)),  # CALL26
    284: _page_offset(1),  # LDST16_ABS_LO12_NC
    285: _page_offset(2),  # LDST32_ABS_LO12_NC
    286: _page_offset(3),  # LDST64_ABS_LO12_NC
    299: _page_offset(4),  # LDST128_ABS_LO12_NC
}
