"""Records folios that their PMD maps: ``python -m tools.pmd.record NAME TREE``.

The compiled loops of all operations with ``mm/huge_memory.o`` run on three such folios, see
:mod:`tools.three_tables`. A window of fork begins where the child's page table has come out of the
page allocator, and ends where its PMD is stored; one of zap goes from the clearing of one PMD to
that of the next; those of mprotect and mremap go from one stored PMD to the next.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from costmodel.emulation.emulator import EmulatedCall
from costmodel.emulation.kernel import (
    BASE_PFN,
    SETUP,
    EmulatedKernel,
    Process,
    build_kernel,
    user_address,
)
from costmodel.emulation.patching import CPUS, BootCpu
from costmodel.emulation.targets import Targets
from costmodel.emulation.tree import BuildTree, read_tree
from costmodel.emulation.windows import CutWindow
from costmodel.emulation.zap import SOURCES, flush_as_asked
from costmodel.mm.pte import TABLE_PTES
from costmodel.operations.mprotect.operation import TO_READ_ONLY, TO_WRITABLE
from costmodel.operations.mremap.operation import MOVED
from costmodel.operations.shared.pmd import LAYOUT
from costmodel.operations.zap.operation import EXIT, MUNMAP
from costmodel.units import LARGEST_ORDER, PAGE_BYTES
from tools.three_tables import CALLED, PAGES, TABLES, Builder, save

_TOOLS: Final = Path(__file__).parent.parent
_OWN: Final = _TOOLS / "pmd/setup.c"
_TARGET: Final = 1 << 18
"""First page of the mapping that mremap moves to."""
_WRITABLE: Final = 3
"""A PMD that maps a folio and may be written."""
_SOURCES: Final = {
    **SOURCES,
    "mm/huge_memory.c": ("copy_huge_pmd", "zap_huge_pmd"),
    "mm/pgtable-generic.c": ("pgtable_trans_huge_deposit", "__pte_offset_map_lock"),
    "arch/x86/mm/pgtable.c": ("pte_alloc_one", "pmd_mkwrite", "pmdp_invalidate_ad"),
    "mm/mprotect.c": ("change_protection",),
}
_ALLOCATOR: Final = "alloc_pages_noprof"
_MASK: Final = (1 << 64) - 1
_MACHINE_CALLS: Final = frozenset({_ALLOCATOR, "__free_pages", "flush_tlb_mm_range"})


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
        stored = _written(kernel, child, done, 1)[0]
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
        cleared = [_written(kernel, process, done, table)[0] for table in (1, 2)]
        window = CutWindow(cleared[0], cleared[1] + 1, 0, TABLE_PTES)
        _no_stubs(kernel, done, window)
        builder.add(state, LAYOUT, done, window, targets)
    return builder


def record_mprotect(kernel: EmulatedKernel) -> Builder:
    """Record that written memory becomes read-only, and writable again."""
    builder = Builder(kernel)
    kernel.reset()
    process = _lay(kernel)
    targets = Targets(kernel, process, process, builder.lines, builder.counts)
    for state, writable in ((TO_READ_ONLY.name, False), (TO_WRITABLE.name, True)):
        kernel.emulator.call("cm_set_vma", process.vma, int(writable), 0)
        changed, done = kernel.emulator.record("cm_mprotect", process.vma)
        mapped = _WRITABLE if writable else 1
        _check(kernel, changed == PAGES and _states(kernel, process) == [mapped] * TABLES)
        _add_between_stores(kernel, builder, state, process, done, targets)
    return builder


def record_mremap(kernel: EmulatedKernel) -> Builder:
    """Record a move to an address one GiB further on, whose PMDs lie in a page of their own."""
    builder = Builder(kernel)
    kernel.reset()
    process, other = _lay(kernel), kernel.process(PAGES, _TARGET)
    targets = Targets(kernel, process, other, builder.lines, builder.counts)
    kernel.emulator.call("cm_adopt", process.vma, other.vma, 0)
    moved, done = kernel.emulator.record("cm_move", process.vma, other.vma)
    arrived = _states(kernel, other, _TARGET) == [_WRITABLE] * TABLES
    _check(
        kernel, moved == PAGES * PAGE_BYTES and arrived and _states(kernel, process) == [0] * TABLES
    )
    _add_between_stores(kernel, builder, MOVED.name, other, done, targets, _TARGET)
    return builder


def _add_between_stores(
    kernel: EmulatedKernel,
    builder: Builder,
    state: str,
    process: Process,
    done: EmulatedCall,
    targets: Targets,
    first_page: int = 0,
) -> None:
    """Add what lies between the last stores of two PMDs, with the stores."""
    stored = [_written(kernel, process, done, table, first_page)[-1] for table in (1, 2)]
    window = CutWindow(stored[0], stored[1] + 1, 0, TABLE_PTES)
    _no_stubs(kernel, done, window)
    builder.add(state, LAYOUT, done, window, targets)


def _lay(kernel: EmulatedKernel) -> Process:
    process = kernel.process(PAGES)
    for table in range(TABLES):
        kernel.folio(process, _frame(table), LARGEST_ORDER)
        kernel.emulator.call("cm_map_huge", process.vma, _address(table), BASE_PFN + _frame(table))
    return process


def _frame(table: int) -> int:
    return (2 * table % TABLES) * TABLE_PTES


def _states(kernel: EmulatedKernel, process: Process, first_page: int = 0) -> list[int]:
    addresses = (_address(table, first_page) for table in range(TABLES))
    return [kernel.emulator.call("cm_pmd_state", process.vma, address) for address in addresses]


def _check(kernel: EmulatedKernel, right: bool) -> None:
    if not right:
        sys.exit(f"{kernel.image.isa}: entries, counts or the list are not as they must be")


def _address(table: int, first_page: int = 0) -> int:
    return user_address(first_page + table * TABLE_PTES)


def _written(
    kernel: EmulatedKernel, process: Process, done: EmulatedCall, table: int, first_page: int = 0
) -> list[int]:
    """Return the positions of the writes of a PMD."""
    address = _address(table, first_page)
    place = kernel.emulator.call("cm_pmd_place", process.vma, address) & _MASK
    return [p for p, at, _, writes in done.accesses if writes and at == place]


def _no_stubs(kernel: EmulatedKernel, done: EmulatedCall, window: CutWindow) -> None:
    called = {kernel.image.stubs.get(pc, "") for pc in done.pcs[window.first : window.end]}
    if stubs := called - {"", *_MACHINE_CALLS}:
        sys.exit(f"stubs in the window: {', '.join(sorted(stubs))}")


def _boot(tree: BuildTree, *texts: str) -> EmulatedKernel:
    """Link ``mm/memory.o`` and C files of these texts with all that an unmap runs through."""
    default = next(iter(CPUS[tree.isa].values()))
    with TemporaryDirectory() as built:
        memory = Path(built) / "memory.o"
        tree.compile(tree.source / "mm/memory.c", memory)
        sources = [Path(built) / f"text{number}.c" for number in range(len(texts))]
        for source, text in zip(sources, texts, strict=True):
            source.write_text(text)
        return build_kernel(
            tree,
            [memory],
            BootCpu(default.features, mitigations=False),
            setups=(_OWN, SETUP.with_name("zap.c"), SETUP),
            extra=sources,
            sources=_SOURCES,
        )


def main() -> None:
    """Record: NAME TREE [OPERATION...]."""
    name, folder, *wanted = sys.argv[1:]
    tree = read_tree(Path(folder))
    for operation, (record, text) in _RECORDERS.items():
        if operation in wanted or not wanted:
            save(operation, name, record(_boot(tree, CALLED, *text(tree))).program(name))


def _nothing(_: BuildTree) -> Iterator[str]:
    yield from ()


def _protecting(_: BuildTree) -> Iterator[str]:
    yield (_TOOLS / "mprotect/setup.c").read_text()


def _moving(tree: BuildTree) -> Iterator[str]:
    yield (tree.source / "mm/mremap.c").read_text() + (_TOOLS / "mremap/setup.c").read_text()


_Recorder = tuple[Callable[[EmulatedKernel], Builder], Callable[[BuildTree], Iterator[str]]]
_RECORDERS: Final[dict[str, _Recorder]] = {
    "fork": (record_fork, _nothing),
    "zap": (record_zap, _nothing),
    "mprotect": (record_mprotect, _protecting),
    "mremap": (record_mremap, _moving),
}
"""How each operation is recorded, and the C code that is linked besides."""

if __name__ == "__main__":
    main()
