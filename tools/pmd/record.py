"""Records folios that their PMD maps: ``python -m tools.pmd.record NAME TREE``.

The compiled ``copy_page_range()`` and ``unmap_page_range()`` with ``mm/huge_memory.o`` run on three
such folios, see :mod:`tools.three_tables`. A window of fork begins where the child's page table has
come out of the page allocator, and ends where its PMD is stored; one of zap goes from the clearing
of one PMD to that of the next.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from costmodel.emulation.emulator import EmulatedCall
from costmodel.emulation.kernel import (
    BASE_ADDRESS,
    BASE_PFN,
    PAGE,
    SETUP,
    EmulatedKernel,
    Process,
    build_kernel,
)
from costmodel.emulation.patching import CPUS, BootCpu
from costmodel.emulation.targets import Targets
from costmodel.emulation.tree import BuildTree, read_tree
from costmodel.emulation.windows import CutWindow
from costmodel.emulation.zap import SOURCES, flush_as_asked
from costmodel.mm.pte import TABLE_PTES
from costmodel.operations.zap.operation import EXIT, MUNMAP
from costmodel.units import LARGEST_ORDER
from tools.three_tables import CALLED, PAGES, TABLES, Builder, save

LAYOUT: Final = "pmd"
_OWN: Final = Path(__file__).parent / "setup.c"
_SOURCES: Final = {
    **SOURCES,
    "mm/huge_memory.c": ("copy_huge_pmd", "zap_huge_pmd"),
    "mm/pgtable-generic.c": ("pgtable_trans_huge_deposit", "__pte_offset_map_lock"),
    "arch/x86/mm/pgtable.c": ("pte_alloc_one",),
}
_ALLOCATOR: Final = "alloc_pages_noprof"
_MASK: Final = (1 << 64) - 1
_MACHINE_CALLS: Final = frozenset({_ALLOCATOR, "__free_pages"})


def record_fork(kernel: EmulatedKernel) -> Builder:
    """Record the first fork of a process, and the one after it."""
    builder = Builder(kernel)
    kernel.reset()
    parent = _lay(kernel)
    for state in ("rw", "ro"):
        child = kernel.process(PAGES)
        targets = Targets(kernel, parent, child, builder.lines, builder.counts)
        kernel.emulator.call("cm_forget_tables", child.vma)
        failed, done = kernel.emulator.record("cm_fork", child.vma, parent.vma)
        _check(kernel, not failed and _states(kernel, child) == _states(kernel, parent) == [1] * 3)
        stored = _touched(kernel, child, done, 1, writes=True)
        functions = [kernel.image.function_at(pc) for pc in done.pcs[:stored]]
        allocated = len(functions) - 1 - functions[::-1].index(_ALLOCATOR)
        window = CutWindow(allocated, stored + 1, 0, TABLE_PTES)
        _no_stubs(kernel, done, window)
        builder.add(state, LAYOUT, done, window, targets)
    counts = [kernel.count("entire_mapcount", _frame(table)) for table in range(TABLES)]
    exclusive = [kernel.count("exclusive", _frame(table)) for table in range(TABLES)]
    _check(kernel, counts == [3] * TABLES and exclusive == [0] * TABLES)
    return builder


def record_zap(kernel: EmulatedKernel) -> Builder:
    """Record munmap() by the only process that maps the folios, and the exit of a child."""
    builder = Builder(kernel)
    for state in (EXIT.name, MUNMAP.name):
        kernel.reset()
        process = _lay(kernel)
        if state == EXIT.name:
            parent, process = process, kernel.process(PAGES)
            kernel.emulator.call("cm_forget_tables", process.vma)
            kernel.fork(process, parent)
        targets = Targets(kernel, process, process, builder.lines, builder.counts)
        kernel.emulator.call("cm_gather_begin", process.vma, int(state == EXIT.name))
        _, done = kernel.emulator.record("cm_unmap", process.vma)
        slots = kernel.emulator.call("cm_slots")
        _check(kernel, slots == TABLES and _states(kernel, process) == [0] * TABLES)
        if kernel.image.isa == "x86_64":  # arm64 has flushed where the mapping ends
            flush_as_asked(kernel, process)
        cleared = [_touched(kernel, process, done, table, writes=True) for table in (1, 2)]
        window = CutWindow(cleared[0], cleared[1] + 1, 0, TABLE_PTES)
        _no_stubs(kernel, done, window)
        builder.add(state, LAYOUT, done, window, targets)
    return builder


def _lay(kernel: EmulatedKernel) -> Process:
    process = kernel.process(PAGES)
    for table in range(TABLES):
        kernel.folio(process, _frame(table), LARGEST_ORDER)
        address = BASE_ADDRESS + table * TABLE_PTES * PAGE
        kernel.emulator.call("cm_map_huge", process.vma, address, BASE_PFN + _frame(table))
    return process


def _frame(table: int) -> int:
    return (2 * table % TABLES) * TABLE_PTES


def _states(kernel: EmulatedKernel, process: Process) -> list[int]:
    addresses = (BASE_ADDRESS + table * TABLE_PTES * PAGE for table in range(TABLES))
    return [kernel.emulator.call("cm_pmd_state", process.vma, address) for address in addresses]


def _check(kernel: EmulatedKernel, right: bool) -> None:
    if not right:
        sys.exit(f"{kernel.image.isa}: entries, counts or the list are not as they must be")


def _touched(
    kernel: EmulatedKernel, process: Process, done: EmulatedCall, table: int, *, writes: bool
) -> int:
    """Return the position of the first write of a PMD."""
    address = BASE_ADDRESS + table * TABLE_PTES * PAGE
    place = kernel.emulator.call("cm_pmd_place", process.vma, address) & _MASK
    return next(p for p, at, _, w in done.accesses if w == writes and at == place)


def _no_stubs(kernel: EmulatedKernel, done: EmulatedCall, window: CutWindow) -> None:
    called = {kernel.image.stubs.get(pc, "") for pc in done.pcs[window.first : window.end]}
    if stubs := called - {"", *_MACHINE_CALLS}:
        sys.exit(f"stubs in the window: {', '.join(sorted(stubs))}")


def _boot(tree: BuildTree) -> EmulatedKernel:
    """Link ``mm/memory.o`` with all that an unmap runs through, and boot."""
    default = next(iter(CPUS[tree.isa].values()))
    with TemporaryDirectory() as built:
        memory = Path(built) / "memory.o"
        tree.compile(tree.source / "mm/memory.c", memory)
        called = Path(built) / "called.c"
        called.write_text(CALLED)
        return build_kernel(
            tree,
            [memory],
            BootCpu(default.features, mitigations=False),
            setups=(_OWN, called, SETUP.with_name("zap.c"), SETUP),
            sources=_SOURCES,
        )


def main() -> None:
    """Record: NAME TREE."""
    name, folder = sys.argv[1:]
    kernel = _boot(read_tree(Path(folder)))
    for operation, record in (("fork", record_fork), ("zap", record_zap)):
        save(operation, name, record(kernel).program(name))


if __name__ == "__main__":
    main()
