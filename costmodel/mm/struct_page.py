"""Offsets in bytes of the counters in ``struct page`` (64-bit kernels, v6.7 to v6.12).

They come from the addresses of the atomics in the recordings, see docs/recordings.md.
"""

from __future__ import annotations

from typing import Final

STRUCT_PAGE_BYTES: Final = 64
FLAGS: Final = tuple(range(8))
"""The bytes of ``flags``. Which of them holds the anon-exclusive bit depends on the version."""
LARGE_MAPCOUNT: Final = 16
"""``_large_mapcount``, in the second struct page of a folio."""
ENTIRE_MAPCOUNT: Final = 20
"""``_entire_mapcount``, in the second struct page of a folio: how many PMDs map it."""
NR_PAGES_MAPPED: Final = 24
"""``_nr_pages_mapped``, in the second struct page of a folio."""
MAPCOUNT: Final = 48
REFCOUNT: Final = 52
