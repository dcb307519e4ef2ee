"""Checks what an emulated mprotect() leaves: rights changed, everything else as it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from costmodel.emulation.errors import refuse
from costmodel.emulation.kernel import CONTIGUOUS, EmulatedKernel, Process

_LAYOUTS: Final = {
    "order-0 pages": [0] * 24,
    "order-2 folios": [2] * 9,
    "order-4 folios": [4] * 3,
    "mixed folios": [0, 0, 2, 4, 0, 3, 1, 4],
}
"""The orders of the folios of each layout, in order of address."""
_FIRST_FRAME: Final = 512
_WRITABLE: Final = 2
_FLAGS: Final = ("present", "writable", "dirty", "young", "not present")


def check_mprotect(kernel: EmulatedKernel, name: str) -> int:
    """Take rights away from small processes and give them back; return the number of layouts.

    Checked are the rights, frame, dirty and young bits of every entry, the references, mappings and
    exclusive marks of every page, and the number of changed pages that the kernel reports. Raises
    ConfigError with the first page that is wrong.
    """
    for layout, orders in _LAYOUTS.items():
        kernel.reset()
        process, frames = _lay(kernel, orders)
        before, counts = _entries(kernel, process), _counts(kernel, frames)
        for writable in (0, _WRITABLE):
            changed = kernel.emulator.call("cm_protect", process.vma, writable)
            wanted = [entry & ~_WRITABLE | writable for entry in before]
            after = _entries(kernel, process)
            for page, (found, right) in enumerate(zip(after, wanted, strict=True)):
                if found != right:
                    reason = f"{name}, {layout}: page {page} must have {_words(right)}"
                    raise refuse("change_protection", reason, got=_words(found))
            if changed != process.pages:
                reason = f"{name}, {layout}: must report {process.pages} changed entries"
                raise refuse("change_protection", reason, got=str(changed))
            if _counts(kernel, frames) != counts:
                reason = f"{name}, {layout}: changes references, mappings or exclusive marks"
                raise refuse("change_protection", reason)
    return len(_LAYOUTS)


def _lay(kernel: EmulatedKernel, orders: Sequence[int]) -> tuple[Process, int]:
    """Return a process with these folios, and the first frame after them."""
    process = kernel.process(sum(1 << order for order in orders))
    page, frame = 0, _FIRST_FRAME
    for order in orders:
        pages = 1 << order
        frame = -(-frame // pages) * pages
        kernel.folio(process, frame, order)
        kernel.map(process, page, frame, pages)
        page, frame = page + pages, frame + pages
    return process, frame


def _entries(kernel: EmulatedKernel, process: Process) -> list[int]:
    """Return all entries without their contiguous bits: the kernel may fold blocks or not."""
    return [kernel.entry(process, page) & ~CONTIGUOUS for page in range(process.pages)]


def _counts(kernel: EmulatedKernel, end: int) -> list[int]:
    return [
        kernel.count(what, frame)
        for frame in range(_FIRST_FRAME, end)
        for what in ("refcount", "mapcount", "exclusive")
    ]


def _words(entry: int) -> str:
    held = [word for bit, word in enumerate(_FLAGS) if entry >> bit & 1]
    return f"frame {(entry >> 8) - _FIRST_FRAME} {', '.join(held)}"
