"""Records mm/mprotect.o of kernel build trees: ``python -m tools.mprotect.record``.

The compiled ``change_protection()`` runs on three page tables, see :mod:`tools.three_tables`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from costmodel.emulation.kernel import BASE_PFN, EmulatedKernel, Process
from costmodel.operations.mprotect.operation import TO_WRITE_PROTECTED, TO_WRITE_RESOLVED
from costmodel.recorder.archive import RecordedProgram
from tools.three_tables import (
    CALLED,
    PAGES,
    Builder,
    Scene,
    TableTargets,
    boot,
    changed_source,
    read_options,
    save,
    scenes,
    window_of,
)

SETUP: Final = Path(__file__).parent / "setup.c"
_PRESENT_WRITABLE: Final = 3
_UNSPECIALISED: Final = (("likely(nr_ptes == 1)", "0"), ("static __always_inline", "static"))
"""Takes back what v7.x did for single pages: v6.17 had one way for all batches."""


def record(kernel: EmulatedKernel, name: str) -> RecordedProgram:
    """Record every scene in every state."""
    builder = Builder(kernel)
    for scene in scenes(kernel):
        for shared in (False, True):
            kernel.reset()
            process = _lay(kernel, scene, shared=shared)
            targets = TableTargets(kernel, process, process, builder.lines, builder.counts)
            for writable in (False, True):
                kernel.emulator.call("cm_set_vma", process.vma, int(writable), int(shared))
                changed, done = kernel.emulator.record("cm_mprotect", process.vma)
                _check(kernel, process, changed, writable=writable)
                state = f"{'shared-' if shared else ''}to-{'writable' if writable else 'read-only'}"
                window = window_of(kernel, process, done, scene)
                builder.add(state, scene.layout, done, window, targets)
        if "cm_write_protect" in kernel.image.symbols:
            _record_tracked(kernel, scene, builder)
    return builder.program(name)


def _record_tracked(kernel: EmulatedKernel, scene: Scene, builder: Builder) -> None:
    """Record userfaultfd's write protection of a mapping, and its end."""
    kernel.reset()
    process = scene.lay(kernel)
    targets = TableTargets(kernel, process, process, builder.lines, builder.counts)
    for protect in (True, False):
        changed, done = kernel.emulator.record("cm_write_protect", process.vma, int(protect))
        _check(kernel, process, changed, writable=not protect)
        tracked = kernel.emulator.call("cm_tracked", process.vma)
        if tracked != (PAGES if protect else 0):
            sys.exit(f"{tracked} of {PAGES} entries have the bit of userfaultfd")
        state = (TO_WRITE_PROTECTED if protect else TO_WRITE_RESOLVED).name
        window = window_of(kernel, process, done, scene)
        builder.add(state, scene.layout, done, window, targets)


def _lay(kernel: EmulatedKernel, scene: Scene, *, shared: bool) -> Process:
    process = scene.lay(kernel)
    if shared:
        for _, frame in scene.folios():
            kernel.emulator.call("cm_to_file", BASE_PFN + frame)
    return process


def _check(kernel: EmulatedKernel, process: Process, changed: int, *, writable: bool) -> None:
    """Refuse a kernel that did not change every entry."""
    want = _PRESENT_WRITABLE if writable else 1
    wrong = [page for page in range(PAGES) if kernel.entry(process, page) & 3 != want]
    if changed != PAGES or wrong:
        sys.exit(f"changed {changed} of {PAGES} entries; wrong: {wrong[:5]}")


def main() -> None:
    """Record: NAME TREE [unspecialised] [mitigations] [tlb_range]."""
    name, tree, cpu, options = read_options(sys.argv[1:])
    source = (tree.source / "mm/mprotect.c").read_text()
    if "unspecialised" in options:
        source = changed_source(source, _UNSPECIALISED)
    save("mprotect", name, record(boot(tree, cpu, source, SETUP.read_text() + CALLED), name))


if __name__ == "__main__":
    main()
