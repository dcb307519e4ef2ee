"""Records mm/mprotect.o of kernel build trees: ``python -m tools.mprotect.record``.

Nothing boots: the compiled ``change_protection()`` runs in the emulator of ``costmodel record`` on
three page tables. A window is the second table, from its lock to the next one's, or its last 64
entries and the way to the next lock.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from costmodel.emulation.decode_arm64 import Arm64Decoder
from costmodel.emulation.decode_x86 import X86Decoder
from costmodel.emulation.emulator import EmulatedCall
from costmodel.emulation.kernel import BASE_PFN, EmulatedKernel, Process, build_kernel
from costmodel.emulation.patching import CPUS, BootCpu
from costmodel.emulation.scenes import PTE_BYTES
from costmodel.emulation.stream import Decoded, StreamBuilder
from costmodel.emulation.targets import Targets
from costmodel.emulation.tree import read_tree
from costmodel.emulation.windows import CutWindow
from costmodel.files import write_bytes
from costmodel.mm.pte import CONT_PTES, TABLE_PTES
from costmodel.recorder.archive import FOLDER, RecordedProgram, save_program
from costmodel.units import LARGEST_ORDER

SETUP: Final = Path(__file__).parent / "setup.c"
TABLES: Final = 3
_PAGES: Final = TABLES * TABLE_PTES
_PRESENT_WRITABLE: Final = 3
STEADY_PTES: Final = 64
"""Entries of a window of small folios."""
_RANGE: Final = 0xD50882A0
"""``tlbi rvale1is``, register 0."""
_ONE_PAGE: Final = 0xD50883A0
"""``tlbi vale1is``, register 0."""
_BARE: Final = ("__static_call_return0",)
"""Functions that do nothing in a kernel, either."""


@dataclass(frozen=True)
class Scene:
    """Three tables of folios of one order; ``aligned``: arm64 may fold its single pages."""

    order: int
    aligned: bool = False

    @property
    def layout(self) -> str:
        """As recordings name it."""
        return f"order{self.order}{'_aligned' if self.aligned else ''}"

    def folios(self) -> Iterator[tuple[int, int]]:
        """Iterate over (first page, first frame): frames never follow those of the folio before."""
        if self.aligned:
            for page in range(_PAGES):
                block, index = divmod(page, CONT_PTES)
                yield page, block * 7 % (_PAGES // CONT_PTES) * CONT_PTES + index
        elif self.order == 0:
            for page in range(_PAGES):
                yield page, page * 37 % _PAGES + 5
        else:
            number = _PAGES >> self.order
            for folio in range(number):
                yield folio << self.order, (folio * 5 % number) << self.order


class _Targets(Targets):
    """The tables of the process lie one behind the other."""

    def __post_init__(self) -> None:
        super().__post_init__()
        assert self.kernel.table(self.parent, TABLE_PTES) == self.src + TABLE_PTES * PTE_BYTES
        self._ranges[0] = (self.src, TABLES * TABLE_PTES * PTE_BYTES, "src")


def record(kernel: EmulatedKernel, name: str) -> RecordedProgram:
    """Record every scene in every state."""
    decoder = X86Decoder() if kernel.image.isa == "x86_64" else Arm64Decoder()
    builder = StreamBuilder(Decoded(kernel.image, decoder, _without_ranges(kernel)))
    lines: dict[tuple[str, int], int] = {}
    counts: dict[str, int] = {}
    contpte = bool(kernel.facts["contpte"])
    scenes = [Scene(order) for order in (0, 2, 4, 9)]
    for scene in [*scenes, *([Scene(0, aligned=True)] if contpte else [])]:
        for shared in (False, True):
            kernel.reset()
            process = _lay(kernel, scene, shared=shared)
            targets = _Targets(kernel, process, process, lines, counts)
            for writable in (False, True):
                kernel.emulator.call("cm_set_vma", process.vma, int(writable), int(shared))
                changed, done = kernel.emulator.record("cm_mprotect", process.vma)
                _check(kernel, process, changed, writable=writable)
                state = f"{'shared-' if shared else ''}to-{'writable' if writable else 'read-only'}"
                window = _window(kernel, process, done, scene)
                builder.add(state, scene.layout, done, window, targets)
    return builder.program(name)


def _without_ranges(kernel: EmulatedKernel) -> Callable[[int, int], bytes]:
    """Let the emulator invalidate single pages where it knows no ranges; return what code says."""
    told: dict[int, bytes] = {}
    if kernel.image.isa == "arm64":
        for start, chunk in kernel.image.chunks.items():
            for offset in range(0, len(chunk) - 3, 4):
                place = start + offset
                code = kernel.emulator.read(place, 4)
                word = int.from_bytes(code, "little")
                if word & ~31 == _RANGE:
                    told[place] = code
                    kernel.emulator.write(place, (_ONE_PAGE | word & 31).to_bytes(4, "little"))

    def read(address: int, size: int) -> bytes:
        code = kernel.emulator.read(address, size)
        return told[address] + code[4:] if address in told else code

    return read


def _lay(kernel: EmulatedKernel, scene: Scene, *, shared: bool) -> Process:
    process = kernel.process(_PAGES)
    for page, frame in scene.folios():
        kernel.folio(process, frame, scene.order)
        kernel.map(process, page, frame, 1 << scene.order)
        if shared:
            kernel.emulator.call("cm_to_file", BASE_PFN + frame)
    return process


def _check(kernel: EmulatedKernel, process: Process, changed: int, *, writable: bool) -> None:
    """Refuse a kernel that did not change every entry."""
    want = _PRESENT_WRITABLE if writable else 1
    wrong = [page for page in range(_PAGES) if kernel.entry(process, page) & 3 != want]
    if changed != _PAGES or wrong:
        sys.exit(f"changed {changed} of {_PAGES} entries; wrong: {wrong[:5]}")


def _window(
    kernel: EmulatedKernel, process: Process, done: EmulatedCall, scene: Scene
) -> CutWindow:
    """Return the second table, or its end, up to the instruction that takes the next one's lock."""
    locked = [_locked(kernel, process, done, table) for table in range(TABLES)]
    code = {kernel.image.stubs.get(pc, "") for pc in done.pcs[locked[1] : locked[2]]}
    stubs = code - {"", *_BARE}
    if stubs:
        sys.exit(f"stubs in the loop: {', '.join(sorted(stubs))}")
    if scene.order == LARGEST_ORDER:
        return CutWindow(locked[1], locked[2] + 1, TABLE_PTES, TABLE_PTES)
    first = 2 * TABLE_PTES - STEADY_PTES
    place = kernel.table(process, 0) + first * PTE_BYTES
    start = next(p for p, at, _, _ in done.accesses if at == place and p > locked[1])
    return CutWindow(start, locked[2] + 1, first, STEADY_PTES)


def _locked(kernel: EmulatedKernel, process: Process, done: EmulatedCall, table: int) -> int:
    """Return the position of the instruction that takes the lock of a table."""
    lock = kernel.lock(process, table * TABLE_PTES)
    place = kernel.table(process, table * TABLE_PTES)
    first_read = next(p for p, at, _, _ in done.accesses if at == place)
    writes = (p for p, at, _, w in done.accesses if w and lock <= at < lock + 4 and p < first_read)
    return list(writes)[-1]


def _unspecialised(source: str) -> str:
    """Take back what v7.x did for single pages: v6.17 had one way for all batches."""
    changes = (("likely(nr_ptes == 1)", "0"), ("static __always_inline", "static"))
    for now, before in changes:
        if now not in source:
            sys.exit(f"no {now!r} in this source: it has no path of its own for single pages")
        source = source.replace(now, before)
    return source


def main() -> None:
    """Record: NAME TREE [unspecialised] [mitigations] [tlb_range]."""
    name, folder, *options = sys.argv[1:]
    tree = read_tree(Path(folder))
    default = next(iter(CPUS[tree.isa].values()))
    features = default.features | {option for option in options if option == "tlb_range"}
    cpu = BootCpu(features, mitigations="mitigations" in options)
    with TemporaryDirectory() as built:
        memory = Path(built) / "memory.o"
        tree.compile(tree.source / "mm/memory.c", memory)
        source = (tree.source / "mm/mprotect.c").read_text()
        if "unspecialised" in options:
            source = _unspecialised(source)
        loop = Path(built) / "mprotect.c"
        loop.write_text(source)
        extra = [loop, SETUP]
        if tree.isa == "arm64":
            extra.append(tree.source / "arch/arm64/mm/mmu.c")
        kernel = build_kernel(tree, [memory], cpu, extra=extra)
    program = record(kernel, name)
    write_bytes(FOLDER / "mprotect" / f"{name}.npz", save_program(program))
    for key, window in program.recordings.items():
        print(f"{name} {key}: {len(window) / window.ptes:.1f} micro-ops per PTE")


if __name__ == "__main__":
    main()
