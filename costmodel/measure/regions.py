"""Memory for kernels: mapped, filled, laid out as rings."""

from __future__ import annotations

import ctypes
import mmap
from typing import TYPE_CHECKING, Any, Literal

from costmodel.units import LINE_BYTES, PAGE_BYTES

if TYPE_CHECKING:
    import numpy as np

_HUGE = 2 << 20
_MADV_HUGEPAGE, _MADV_NOHUGEPAGE = 14, 15
Pages = Literal["huge", "small", "huge alone"]
"""Kinds of pages to ask for; without huge pages there is no memory of the last kind."""


class Region:
    """Anonymous memory, touched; ``address`` is aligned to 2 MiB."""

    def __init__(self, size: int, pages: Pages = "huge") -> None:
        """Map and touch memory, asking for pages of the kind; raises OSError when there is none."""
        self.size = size
        self._map = mmap.mmap(-1, size + _HUGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        self._skip = -start % _HUGE
        self.address = start + self._skip
        advice = _MADV_NOHUGEPAGE if pages == "small" else _MADV_HUGEPAGE
        if size >= _HUGE or pages == "small":
            libc = ctypes.CDLL(None)
            libc.madvise(ctypes.c_void_p(self.address), ctypes.c_size_t(size), advice)
        ctypes.memset(self.address, 0, size)
        if pages == "huge alone" and _huge_bytes(self.address) < size:
            raise OSError("the system gives no huge pages")

    def words(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the memory as 64-bit integers."""
        import numpy as np

        return np.frombuffer(self._map, np.int64, self.size // 8, offset=self._skip)

    def ring(self, step: int, seed: int = 1) -> int:
        """Write a ring of pointers, one every ``step`` bytes, in random order; return its start.

        In each page of 4 KiB the pointers stand one cache line further on than in the page before,
        and one more after each round of a page's lines, so that a ring with steps of whole pages
        does not fall into few sets of a cache.
        """
        import numpy as np

        count = max(self.size // step, 1)
        at = np.arange(count, dtype=np.int64) * step
        if step >= PAGE_BYTES:
            lines, number = PAGE_BYTES // LINE_BYTES, np.arange(count, dtype=np.int64)
            at += (number + number // lines) % lines * LINE_BYTES
        order = np.random.default_rng(seed).permutation(count)
        self.words()[at[order] // 8] = self.address + at[np.roll(order, -1)]
        return self.address + int(at[order[0]])


def _huge_bytes(address: int) -> int:
    """Return how much of the mapping that holds an address lies in huge pages."""
    inside = False
    with open("/proc/self/smaps", encoding="utf-8") as file:
        for line in file:
            first, *rest = line.split()
            if not first.endswith(":"):
                start, end = (int(each, 16) for each in first.split("-"))
                inside = start <= address < end
            elif inside and first == "AnonHugePages:":
                return int(rest[0]) << 10
    return 0
