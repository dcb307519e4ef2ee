"""What one call of an emulated kernel did."""

from __future__ import annotations

from dataclasses import dataclass

from costmodel.emulation.emulator import EmulatedCall
from costmodel.emulation.kernel import Process


@dataclass(frozen=True)
class EmulatedRun:
    """What one call of the kernel executed: ``process`` is the one whose table it wrote.

    ``locks``: addresses of the locks that it holds over a table. ``source``: whose table it read,
    None for that of the process it was given. ``released``: what released the pages that it
    gathered in ``slots`` slots of a list.
    """

    done: EmulatedCall
    process: Process
    locks: tuple[int, ...]
    source: Process | None = None
    released: EmulatedCall | None = None
    slots: int = 0
