"""Which memory an address belongs to, in the words of the recordings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from costmodel.emulation.emulator import STACK_BYTES, STACK_TOP
from costmodel.emulation.image import Symbol
from costmodel.emulation.kernel import EmulatedKernel, Process
from costmodel.mm.pte import PTE_BYTES, TABLE_PTES
from costmodel.units import LINE_BYTES, PAGE_BYTES

TASK_LINE: Final = 0
"""Number of the line of ``other`` that begins with the flags of the running task."""


@dataclass
class Targets:
    """The memory of one scene: classifies addresses, numbers lines.

    ``lines``: numbers of the lines of each target but tables and struct pages; shared by all
    scenes, so that a line has one number in all windows of a program.
    """

    kernel: EmulatedKernel
    parent: Process
    child: Process
    lines: dict[tuple[str, int], int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Find the ranges."""
        kernel = self.kernel
        facts, image = kernel.facts, kernel.image
        table_bytes = TABLE_PTES * PTE_BYTES
        self.src = kernel.table(self.parent, 0)
        self.dst = kernel.table(self.child, 0)
        self.frames = kernel.frames_range[0]
        top = STACK_TOP[image.isa]
        self._ranges = [
            (self.src, table_bytes, "src"),
            (self.dst, table_bytes, "dst"),
            (self.frames - PAGE_BYTES, kernel.frames_range[1] - self.frames + PAGE_BYTES, "page"),
            (kernel.tables_range[0], kernel.tables_range[1] - kernel.tables_range[0], "tablepage"),
            (top - STACK_BYTES, STACK_BYTES, "stack"),
            *((known.address, known.size, "stack") for known in _of_callers(kernel)),
            *((p.vma, facts["vma_bytes"], "vma") for p in (self.parent, self.child)),
            *((p.mm, facts["mm_bytes"], "mm") for p in (self.parent, self.child)),
        ]
        self.lines.setdefault(("other", facts["task"] // LINE_BYTES), TASK_LINE)
        self.counts.setdefault("other", TASK_LINE + 1)
        self._image = (min(image.chunks), max(s + len(c) for s, c in image.chunks.items()))

    def place(self, address: int, *, per_cpu: bool = False) -> tuple[str, int, int]:
        """Return target, index and offset of an address.

        Index: entry number in its table, number of the struct page counted from the first that
        layouts may use, or the number of the line.
        """
        name = "other" if per_cpu else self._name(address)
        if name in ("src", "dst"):
            start = self.src if name == "src" else self.dst
            return name, (address - start) // PTE_BYTES, (address - start) % PTE_BYTES
        if name == "page":
            size = self.kernel.facts["struct_page_bytes"]
            return name, *divmod(address - self.frames, size)
        return name, self._line(name, address // LINE_BYTES), address % LINE_BYTES

    def _name(self, address: int) -> str:
        for start, size, name in self._ranges:
            if start <= address < start + size:
                return name
        first, last = self._image
        return "global" if first <= address < last else "other"

    def _line(self, name: str, line: int) -> int:
        key = name, line
        if key not in self.lines:
            self.lines[key] = self.counts.get(name, 0)
            self.counts[name] = self.lines[key] + 1
        return self.lines[key]


_OF_CALLERS: Final = ("cm_gather", "cm_details")
"""Variables of the set-up that kernels have on the stack, in functions around the loop."""


def _of_callers(kernel: EmulatedKernel) -> list[Symbol]:
    symbols = kernel.image.symbols
    return [symbols[name] for name in _OF_CALLERS if name in symbols]
