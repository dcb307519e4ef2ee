"""The state of ``MADV_DONTNEED`` over many ranges: their size, and those of one call and flush."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from costmodel.config.parts import parts_of
from costmodel.config.sizes import size_in_bytes
from costmodel.mm.state import PteState
from costmodel.units import PAGE_BYTES

_KEYS: Final = ("range", "per_call", "flush")
_FLUSHES: Final = ("call", "range")


@dataclass(frozen=True, slots=True)
class RangeState(PteState):
    """Ranges of ``pages`` pages each, ``per_call`` of them in one call.

    ``process_madvise()`` takes many ranges. ``flushes_each``: TLBs are flushed and pages released
    after each range, else once per call.
    """

    pages: int = 1
    per_call: int = 1
    flushes_each: bool = False


def range_state(text: str) -> RangeState:
    """Return the state that a text such as ``dontneed: range 4 KiB, per_call 32`` means.

    Raises KeyError for a text that neither begins with ``dontneed`` nor has a range, and ValueError
    where a part of it is wrong.
    """
    name, parts = parts_of(text)
    if name != "dontneed" and "range" in parts:
        raise ValueError("'dontneed' alone has ranges, such as 'dontneed: range 4 KiB'")
    if name != "dontneed" or not parts:
        raise KeyError(text)
    wrong = sorted(set(parts) - set(_KEYS))
    if wrong or "range" not in parts:
        raise ValueError("'dontneed' must have a range, and may have per_call and flush")
    bytes_ = size_in_bytes(parts["range"])
    if not bytes_ or bytes_ % PAGE_BYTES:
        raise ValueError(f"'range' must be a multiple of the page size, {PAGE_BYTES} bytes")
    per_call = parts.get("per_call", "1")
    if not per_call.isdecimal() or not int(per_call):
        raise ValueError("'per_call' must be a number of ranges, at least 1")
    flush = parts.get("flush", "call")
    if flush not in _FLUSHES:
        raise ValueError("'flush' must be 'call' or 'range'")
    title = f"MADV_DONTNEED over ranges of {parts['range']}, {per_call} a call, flush by {flush}"
    return RangeState(
        text,
        title,
        pages=bytes_ // PAGE_BYTES,
        per_call=int(per_call),
        flushes_each=flush == "range",
    )
