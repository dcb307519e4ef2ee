"""What is recorded: page tables of the recorded layouts, full of folios."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from costmodel.emulation.kernel import EmulatedKernel, Process
from costmodel.mm.pte import TABLE_PTES

PTE_BYTES: Final = 8
"""Bytes of an entry."""
STEADY: Final = (256, 320)
"""Entries of a steady window: 64 from the middle of a table."""


@dataclass(frozen=True)
class Scene:
    """One table of folios: ``layout`` as recordings name it.

    ``descending``: frames of order-0 pages go down where pages go up. ``shift``: by how many frames
    order-0 frames are off the alignment of their addresses; 0 lets arm64 fold them. ``steady``:
    a window from the middle is recorded beside the whole table, which then is ``..._table``.
    """

    layout: str
    descending: bool = False
    shift: int = 0
    steady: bool = False

    @property
    def order(self) -> int:
        """The order of its folios."""
        return int(self.layout.removeprefix("order").split("_")[0])

    def pieces(self) -> Iterator[tuple[int, int, int]]:
        """Iterate over (page, first frame, order) of its folios."""
        for page in range(0, TABLE_PTES, 1 << self.order):
            frame = TABLE_PTES - 1 - page if self.descending else page
            yield page, frame + (self.shift if self.order == 0 else 0), self.order

    def lay(self, kernel: EmulatedKernel) -> Process:
        """Make a process whose table it is."""
        process = kernel.process(TABLE_PTES)
        for page, frame, order in self.pieces():
            kernel.folio(process, frame, order)
            kernel.map(process, page, frame, 1 << order)
        return process


def scenes(*, contpte: bool) -> list[Scene]:
    """Return what is recorded of every build; with contpte aligned order-0 frames as well."""
    zero = [Scene("order0", shift=_SHIFT, steady=True)]
    if contpte:
        zero.append(Scene("order0_aligned"))
    return [
        *zero,
        *(Scene(f"order{order}", steady=True) for order in (2, 4)),
        Scene("order9"),
    ]


def other_frames() -> Scene:
    """Return order-0 pages whose frames lie otherwise: their rows must be those of order0."""
    return Scene("order0", descending=True, shift=_SHIFT, steady=True)


_SHIFT: Final = 5
"""As the frames of the booted kernels' order-0 pages: not aligned with their addresses."""
