"""Records mm/mremap.o of kernel build trees: ``python -m tools.mremap.record``.

The compiled ``move_page_tables()`` moves three page tables, see :mod:`tools.three_tables`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from costmodel.emulation.emulator import EmulatedCall
from costmodel.emulation.kernel import EmulatedKernel, Process, user_address
from costmodel.emulation.windows import CutWindow
from costmodel.mm.pte import TABLE_PTES
from costmodel.recorder.archive import RecordedProgram
from costmodel.units import PAGE_BYTES
from tools.three_tables import (
    CALLED,
    PAGES,
    Builder,
    TableTargets,
    boot,
    changed_source,
    read_options,
    save,
    scenes,
    window_of,
)

SETUP: Final = Path(__file__).parent / "setup.c"
_MASK: Final = (1 << 64) - 1
_TARGET: Final = 1 << 18
"""First page of the other mapping: one GiB further on, with PMDs of its own."""
_HEADERS_END: Final = "#ifndef arch_supports_page_table_move\n"
_BY_ENTRY: Final = f"#undef CONFIG_HAVE_MOVE_PMD\n#undef CONFIG_HAVE_MOVE_PUD\n{_HEADERS_END}"
"""Takes the moving of whole tables out: addresses that are not aligned alike do the same."""
_POSTED: Final = (("\tif (pte_batch_hint(ptep, pte) == 1)\n\t\treturn 1;\n", ""),)
"""As merged first: the struct page of every entry is looked at."""
_FLUSHES: Final = ("flush_tlb_mm_range",)


class _Targets(TableTargets):
    """The tables that entries are moved to lie one behind the other, too."""

    def __post_init__(self) -> None:
        super().__post_init__()
        first, second = (self.kernel.table(self.child, _TARGET + t * TABLE_PTES) for t in (0, 1))
        self.dst = first
        self.widen(1, "dst", first, second)


def record(kernel: EmulatedKernel, name: str, *, whole: bool) -> RecordedProgram:
    """Record every scene; ``whole``: page tables are moved as they are, whatever they hold."""
    builder = Builder(kernel)
    for scene in scenes(kernel)[: 1 if whole else None]:
        kernel.reset()
        process = scene.lay(kernel)
        other = kernel.process(PAGES, _TARGET)
        targets = (TableTargets if whole else _Targets)(
            kernel, process, process if whole else other, builder.lines, builder.counts
        )
        before = [kernel.entry(process, page) for page in range(PAGES)]
        kernel.emulator.call("cm_adopt", process.vma, other.vma, int(not whole))
        moved, done = kernel.emulator.record("cm_move", process.vma, other.vma)
        after = [kernel.entry(other, _TARGET + page) for page in range(PAGES)]
        wrong = [page for page in range(PAGES) if before[page] != after[page]]
        if moved != PAGES * PAGE_BYTES or wrong:
            sys.exit(f"moved {moved:#x} bytes; wrong: {wrong[:5]}")
        if whole:
            window = _whole_window(kernel, other, done)
        else:
            window = window_of(kernel, process, done, scene, machine_calls=_FLUSHES)
        builder.add("moved", "tables" if whole else scene.layout, done, window, targets)
    return builder.program(name)


def _whole_window(kernel: EmulatedKernel, other: Process, done: EmulatedCall) -> CutWindow:
    """Return what lies between the stores that hang two tables in, with the stores."""
    stored = [_stored(kernel, other, done, table) for table in (1, 2)]
    return CutWindow(stored[0], stored[1] + 1, 0, TABLE_PTES)


def _stored(kernel: EmulatedKernel, other: Process, done: EmulatedCall, table: int) -> int:
    address = user_address(_TARGET + table * TABLE_PTES)
    place = kernel.emulator.call("cm_pmd_of", other.vma, address) & _MASK
    return next(p for p, at, _, writes in done.accesses if writes and at == place)


def main() -> None:
    """Record: NAME TREE [tables] [posted] [mitigations] [tlb_range]."""
    name, tree, cpu, options = read_options(sys.argv[1:])
    changes = [] if "tables" in options else [(_HEADERS_END, _BY_ENTRY)]
    changes += _POSTED if "posted" in options else ()
    source = changed_source((tree.source / "mm/mremap.c").read_text(), changes)
    kernel = boot(tree, cpu, source + CALLED + SETUP.read_text())
    save("mremap", name, record(kernel, name, whole="tables" in options))


if __name__ == "__main__":
    main()
