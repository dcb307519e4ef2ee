"""Sizes of memory and shares of a whole: ``1 GiB`` and ``50%`` in files, bytes and 0.5 here."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import BeforeValidator, ByteSize, TypeAdapter

from costmodel.config.schema import problem

_ADAPTER = TypeAdapter(ByteSize)
# ByteSize ignores what follows the unit and also knows bits: only what it reads right goes there.
_SIZE = re.compile(r"\d+(\.\d+)?\s*([KMGTP]i?)?B", re.IGNORECASE)
_SHORT = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT])", re.IGNORECASE)
"""A size as the kernel's command line has it, which elsewhere means a power of ten."""


def size_in_bytes(value: object) -> int:
    """Return a size such as ``"64 KiB"`` in bytes; an integer is a number of bytes already.

    Raises a problem for anything else.

    >>> size_in_bytes("1.5 MiB")
    1572864
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str) or not _SIZE.fullmatch(value.strip()):
        short = _SHORT.fullmatch(str(value).strip())
        example = f"{short[1]} {short[2].upper()}iB" if short else "1 GiB"
        raise problem(f"must be a size with its unit, such as {example}")
    return int(_ADAPTER.validate_python(value.strip()))


def size_text(size_bytes: int) -> str:
    """Return a number of bytes as text, in the largest binary unit that is exact.

    >>> size_text(14417920)
    '14080 KiB'
    """
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        scale = int(ByteSize.byte_sizes[unit.lower()])
        if size_bytes and size_bytes % scale == 0:
            return f"{size_bytes // scale} {unit}"
    return f"{size_bytes} B"


Size = Annotated[int, BeforeValidator(size_in_bytes)]
"""A number of bytes that may be written with its unit."""


_SHARE: Final = re.compile(r"(\d+(\.\d+)?)\s*%")


def part(value: object) -> float | None:
    """Return ``50%`` or ``0.5`` as 0.5; None for anything but a number from 0 to 1.

    >>> part("0.0 %")
    0.0
    """
    if isinstance(value, str) and (match := _SHARE.fullmatch(value.strip())):
        value = float(match[1]) / 100
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= 1 else None


def share(value: object) -> float | None:
    """Return ``50%`` or ``0.5`` as 0.5; None for anything but a share above 0 and at most 1.

    >>> share("12.5 %")
    0.125
    """
    return part(value) or None
