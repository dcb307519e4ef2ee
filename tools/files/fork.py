"""Fork of a private mapping of a file, as ``tools.builds.record`` records it.

The kernel copies such a mapping only where some page of it was written (``vma_needs_copy()``). The
other pages are those of the file: what is recorded here.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

from costmodel.emulation.kernel import BASE_PFN, SETUP, EmulatedKernel, Process, user_address
from costmodel.emulation.operations import OPERATIONS
from costmodel.emulation.run import EmulatedRun
from costmodel.emulation.scenes import Part, Scene
from costmodel.mm.pte import TABLE_PTES
from costmodel.operations.fork.operation import FILE

SETUPS_OF_FILES: Final = (Path(__file__).parent / "setup.c", SETUP)
_FORK: Final = OPERATIONS["fork"]
_FILE_PAGES: Final = 0
"""Number of the resident-set counter of file pages."""


_BEFORE_LARGE_MAPCOUNT: Final = {
    "folio_dup_file_rmap_ptes(folio, page, nr);": (
        "for (int i = 0; i < nr; i++) atomic_inc(&page[i]._mapcount);"
    ),
    "folio_dup_file_rmap_pte(folio, page);": "atomic_inc(&page->_mapcount);",
}


def before_large_mapcount(source: str) -> str:
    """Return a loop's source with mappings of file pages counted as before 6.10.

    The patches of the older loops do that for anonymous pages.
    """
    for now, before in _BEFORE_LARGE_MAPCOUNT.items():
        source = source.replace(now, before)
    return source


def map_file(
    kernel: EmulatedKernel, process: Process, page: int, frame: int, pages: int, *, read: bool
) -> None:
    """Map pages of a folio of the page cache; ``read``: as a read leaves them, else as a write."""
    kernel.map(process, page, frame, pages)
    kernel.emulator.call("cm_not_exclusive", BASE_PFN + frame, pages)
    if read:
        kernel.emulator.call(
            "cm_only_read", process.vma, user_address(page), BASE_PFN + frame, pages
        )


def _lay(scene: Scene, kernel: EmulatedKernel) -> Process:
    process = kernel.process(TABLE_PTES)
    for piece in scene.pieces:
        kernel.folio(process, piece.frame, piece.order)
        kernel.emulator.call("cm_to_file", BASE_PFN + piece.frame, 0)
    kernel.emulator.call("cm_map_file", process.vma, 0)
    for piece in scene.pieces:
        map_file(kernel, process, piece.page, piece.frame + piece.first, piece.pages, read=True)
    return process


def _execute(kernel: EmulatedKernel, scene: Scene, parent: Process, state: str) -> EmulatedRun:
    entries = [kernel.entry(parent, page) for page in range(TABLE_PTES)]
    before = [_counts(kernel, piece) for piece in scene.pieces]
    run = _FORK.execute(kernel, scene, parent, state)
    _check(kernel, scene, parent, run.process, entries, before)
    return run


def _counts(kernel: EmulatedKernel, piece: Part) -> list[int]:
    """Return the references of a folio, then how often each page of a piece of it is mapped."""
    pages = range(piece.frame + piece.first, piece.frame + piece.first + piece.pages)
    exact = piece.order == 0 or kernel.facts["page_mapcounts"]
    mapped = [kernel.count("mapcount", page) if exact else 0 for page in pages]
    return [kernel.count("refcount", piece.frame), *mapped]


def _check(
    kernel: EmulatedKernel,
    scene: Scene,
    parent: Process,
    child: Process,
    entries: list[int],
    before: list[list[int]],
) -> None:
    """End the program where an entry or a count is not as fork must leave it."""
    young = 8
    for page, entry in enumerate(entries):
        copied = kernel.entry(child, page)
        if kernel.entry(parent, page) != entry or (copied | young) != (entry | young) or not copied:
            sys.exit(f"{scene.layout}: entry {page}: {entry:#x}, the child's {copied:#x}")
    for piece, (references, *mapped) in zip(scene.pieces, before, strict=True):
        exact = piece.order == 0 or kernel.facts["page_mapcounts"]
        want = [references + piece.pages, *(count + 1 if exact else 0 for count in mapped)]
        if _counts(kernel, piece) != want:
            sys.exit(f"{scene.layout}: folio {piece}: {_counts(kernel, piece)}, not {want}")
    resident = kernel.emulator.call("cm_resident", child.vma, _FILE_PAGES)
    if resident != TABLE_PTES:
        sys.exit(f"{scene.layout}: {resident} pages are counted as resident file pages")


FORK_OF_FILES: Final = replace(
    _FORK,
    states=(FILE.name,),
    execute=_execute,
    lay=_lay,
    sources={"lib/percpu_counter.c": ("percpu_counter_add_batch",)},
)
"""The operation; its guarantees are those of anonymous memory, and what each scene checks."""
