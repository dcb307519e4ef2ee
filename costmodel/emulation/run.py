"""The result of one call of an emulated kernel."""

from __future__ import annotations

from dataclasses import dataclass

from costmodel.emulation.emulator import EmulatedCall
from costmodel.emulation.kernel import Process


@dataclass(frozen=True)
class EmulatedRun:
    """What one call of the kernel executed (``done``).

    ``process``: the process whose table it wrote. ``locks``: addresses of the locks that it holds
    while it works on a table. ``source``: the process whose table it read; None if it is the one
    that was passed in. ``released``: the call that released the gathered pages, and ``slots``: how
    many slots of the gather list they took.
    """

    done: EmulatedCall
    process: Process
    locks: tuple[int, ...]
    source: Process | None = None
    released: EmulatedCall | None = None
    slots: int = 0
