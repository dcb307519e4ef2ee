"""Offsets in ``struct page`` against the declaration in the kernel."""

from __future__ import annotations

import ctypes

from costmodel.mm import struct_page


class Page(ctypes.Structure):
    """``struct page`` of a 64-bit kernel with memory cgroups (include/linux/mm_types.h, v6.12)."""

    _fields_ = (
        ("flags", ctypes.c_ulong),
        ("five_words", 5 * ctypes.c_ulong),
        ("mapcount", ctypes.c_int32),
        ("refcount", ctypes.c_int32),
        ("memcg_data", ctypes.c_ulong),
    )


class SecondPage(ctypes.Structure):
    """The second page of ``struct folio`` (the same file)."""

    _fields_ = (
        ("flags_1", ctypes.c_ulong),
        ("head_1", ctypes.c_ulong),
        ("large_mapcount", ctypes.c_int32),
        ("entire_mapcount", ctypes.c_int32),
        ("nr_pages_mapped", ctypes.c_int32),
        ("pincount", ctypes.c_int32),
    )


def test_counters_lie_where_the_kernel_declares_them() -> None:
    assert ctypes.sizeof(Page) == struct_page.STRUCT_PAGE_BYTES
    assert Page.mapcount.offset == struct_page.MAPCOUNT
    assert Page.refcount.offset == struct_page.REFCOUNT
    assert Page.flags.offset == struct_page.FLAGS[0]
    assert Page.flags.size == len(struct_page.FLAGS)
    assert SecondPage.large_mapcount.offset == struct_page.LARGE_MAPCOUNT
    assert SecondPage.nr_pages_mapped.offset == struct_page.NR_PAGES_MAPPED
