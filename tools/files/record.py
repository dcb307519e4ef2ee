"""Records memory that files back: ``python -m tools.files.record NAME TREE [per_pte]``.

The compiled ``unmap_page_range()`` runs on three page tables, see :mod:`tools.three_tables`: pages
of shared memory that were written (``shared-...``), and pages of a file that were only read
(``file-...``). ``per_pte`` takes the batching out of the source, as it was before v6.9.

What dirty entries make the loop do at the end of each table is in the windows: the flush is left
out, whose time is the machine's, and so is the release of the pages, which was recorded of booted
kernels.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from costmodel.emulation.kernel import BASE_PFN, SETUP, EmulatedKernel, Process, build_kernel
from costmodel.emulation.patching import BootCpu
from costmodel.emulation.tree import BuildTree
from costmodel.emulation.zap import SOURCES
from costmodel.mm.pte import TABLE_PTES
from costmodel.mm.state import PteState
from costmodel.operations.zap.operation import FILE_EXIT, FILE_MUNMAP, SHARED_EXIT, SHARED_MUNMAP
from costmodel.units import LARGEST_ORDER
from tools.files.fork import SETUPS_OF_FILES, map_file
from tools.three_tables import (
    CALLED,
    PAGES,
    STEADY_PTES,
    Builder,
    Scene,
    TableTargets,
    changed_source,
    read_options,
    save,
    scenes,
    window_of,
)

_SOURCES: Final = {
    **SOURCES,
    "mm/page-writeback.c": ("folio_mark_dirty", "noop_dirty_folio"),
    "mm/workingset.c": ("workingset_activation",),
    "mm/util.c": ("folio_mapping", "folio_pte_batch_flags", "folio_pte_batch"),
}
_MACHINE_CALLS: Final = ("flush_tlb_mm_range",)
PER_PTE: Final = (
    ("if (unlikely(folio_test_large(folio) && max_nr != 1))", "if (0)"),
    (
        "__tlb_remove_folio_pages(tlb, page, nr, delay_rmap)",
        "__tlb_remove_page(tlb, page, delay_rmap)",
    ),
)
"""Takes back what v6.9 did: a page at a time, each in a slot of its own."""
_DIRTY, _REFERENCED = 1, 2
_FILE_PAGES, _SHMEM_PAGES = 0, 3


@dataclass(frozen=True)
class FileScene:
    """Three tables of folios of a file, in a state; of small folios only the last 64 entries.

    Where entries are dirty a table's pages are uncounted at its end: it must not have more of them
    than the window.
    """

    scene: Scene
    state: PteState

    def folios(self) -> list[tuple[int, int]]:
        """Return (first page, first frame) of each folio."""
        first = 0 if self.scene.order == LARGEST_ORDER else TABLE_PTES - STEADY_PTES
        return [(page, frame) for page, frame in self.scene.folios() if page % TABLE_PTES >= first]

    def lay(self, kernel: EmulatedKernel) -> Process:
        """Make the process that unmaps them, and others that map them too."""
        process = kernel.process(PAGES)
        for _, frame in self.folios():
            kernel.folio(process, frame, self.scene.order)
            kernel.emulator.call("cm_to_file", BASE_PFN + frame, int(self.state.shared))
        others = [kernel.process(PAGES) for _ in range(self.state.mapped_by - 1)]
        for each in (*others, process):
            kernel.emulator.call("cm_map_file", each.vma, int(self.state.shared))
            for page, frame in self.folios():
                map_file(kernel, each, page, frame, 1 << self.scene.order, read=self.state.file)
        return process


def record_zap(kernel: EmulatedKernel) -> Builder:
    """Record every scene in every state."""
    builder = Builder(kernel)
    for scene in (scene for scene in scenes(kernel) if not scene.aligned):
        for state in (SHARED_MUNMAP, SHARED_EXIT, FILE_MUNMAP, FILE_EXIT):
            kernel.reset()
            laid = FileScene(scene, state)
            process = laid.lay(kernel)
            targets = TableTargets(kernel, process, process, builder.lines, builder.counts)
            fullmm = int(state.mapped_by > 1)
            kernel.emulator.call("cm_gather_begin", process.vma, fullmm)
            _, done = kernel.emulator.record("cm_unmap", process.vma)
            _check(kernel, laid, process)
            window = window_of(kernel, process, done, scene, machine_calls=_MACHINE_CALLS)
            builder.add(state.name, scene.layout, done, window, targets)
    return builder


def _check(kernel: EmulatedKernel, laid: FileScene, process: Process) -> None:
    """Refuse a kernel that left an entry or a count, lost a bit, or changed the wrong counter."""
    state, pages = laid.state, len(laid.folios()) << laid.scene.order
    wrong = [page for page in range(PAGES) if kernel.entry(process, page)]
    counted = {
        counter: kernel.emulator.call("cm_resident", process.vma, counter)
        for counter in (_FILE_PAGES, _SHMEM_PAGES)
    }
    want = {_FILE_PAGES: -pages if state.file else 0, _SHMEM_PAGES: -pages if state.shared else 0}
    if wrong or counted != want:
        sys.exit(f"{state.name}: entries left: {wrong[:5]}; counters {counted}, not {want}")
    bits = _REFERENCED | (_DIRTY if state.shared else 0)
    for _, frame in laid.folios():
        mapped = kernel.count("mapcount", frame)
        is_ = kernel.emulator.call("cm_folio_state", BASE_PFN + frame)
        if mapped != state.mapped_by - 1 or is_ & bits != bits:
            sys.exit(f"{state.name}: frame {frame}: mapped by {mapped}, flags {is_}")


def _boot(tree: BuildTree, cpu: BootCpu, *, per_pte: bool) -> EmulatedKernel:
    """Compile ``mm/memory.c``, link it with all that an unmap of file pages runs through, boot."""
    text = (tree.source / "mm/memory.c").read_text()
    with TemporaryDirectory() as built:
        source, memory, called = (
            Path(built) / name for name in ("memory.c", "memory.o", "called.c")
        )
        source.write_text(changed_source(text, PER_PTE) if per_pte else text)
        tree.compile(source, memory)
        called.write_text(CALLED)
        return build_kernel(
            tree,
            [memory],
            cpu,
            setups=(called, SETUP.with_name("zap.c"), *SETUPS_OF_FILES),
            sources=_SOURCES,
        )


def main() -> None:
    """Record: NAME TREE [per_pte]."""
    name, tree, cpu, options = read_options(sys.argv[1:])
    kernel = _boot(tree, cpu, per_pte="per_pte" in options)
    save("zap", name, record_zap(kernel).program(name))


if __name__ == "__main__":
    main()
