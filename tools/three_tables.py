"""What recorders of calls over a whole mapping share: three page tables, and windows of the second.

Nothing boots: compiled kernel code runs in the emulator of ``costmodel record``. A window is the
second table, from its lock to the next one's, or its last entries and the way to the next lock.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from costmodel.emulation.decode_arm64 import Arm64Decoder
from costmodel.emulation.decode_x86 import X86Decoder
from costmodel.emulation.emulator import EmulatedCall
from costmodel.emulation.kernel import EmulatedKernel, Process, build_kernel
from costmodel.emulation.patching import CPUS, BootCpu
from costmodel.emulation.stream import Decoded, StreamBuilder
from costmodel.emulation.targets import Targets
from costmodel.emulation.tree import BuildTree, read_tree
from costmodel.emulation.windows import CutWindow
from costmodel.files import write_bytes
from costmodel.mm.pte import CONT_PTES, PTE_BYTES, TABLE_PTES
from costmodel.recorder.archive import FOLDER, RecordedProgram, save_program
from costmodel.units import LARGEST_ORDER

CALLED: Final = Path(__file__).with_suffix(".c").read_text()
"""What loops call in other files of the kernel, written anew: C, to be compiled with the rest."""
TABLES: Final = 3
PAGES: Final = TABLES * TABLE_PTES
STEADY_PTES: Final = 64
"""Entries of a window of small folios."""
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
            for page in range(PAGES):
                block, index = divmod(page, CONT_PTES)
                yield page, block * 7 % (PAGES // CONT_PTES) * CONT_PTES + index
        elif self.order == 0:
            for page in range(PAGES):
                yield page, page * 37 % PAGES + 5
        else:
            number = PAGES >> self.order
            for folio in range(number):
                yield folio << self.order, (folio * 5 % number) << self.order

    def lay(self, kernel: EmulatedKernel) -> Process:
        """Make a process whose tables they are."""
        process = kernel.process(PAGES)
        for page, frame in self.folios():
            kernel.folio(process, frame, self.order)
            kernel.map(process, page, frame, 1 << self.order)
        return process


def scenes(kernel: EmulatedKernel) -> list[Scene]:
    """Return what is recorded of a kernel."""
    aligned = [Scene(0, aligned=True)] if kernel.facts["contpte"] else []
    return [*(Scene(order) for order in (0, 2, 4, 9)), *aligned]


class TableTargets(Targets):
    """The tables of a process lie one behind the other."""

    def __post_init__(self) -> None:
        """Find the ranges."""
        super().__post_init__()
        self.widen(0, "src", self.src, self.kernel.table(self.parent, TABLE_PTES))

    def widen(self, place: int, name: str, start: int, second: int) -> None:
        """Let a range cover three tables, of which the second is at ``second``."""
        assert second == start + TABLE_PTES * PTE_BYTES
        self._ranges[place] = (start, TABLES * TABLE_PTES * PTE_BYTES, name)


class Builder(StreamBuilder):
    """Collects the windows of one kernel, with the numbers of lines that all of them share."""

    def __init__(self, kernel: EmulatedKernel) -> None:
        """Begin without a window."""
        decoder = X86Decoder() if kernel.image.isa == "x86_64" else Arm64Decoder()
        super().__init__(Decoded(kernel.image, decoder, kernel.emulator.read_code))
        self.lines: dict[tuple[str, int], int] = {}
        self.counts: dict[str, int] = {}


def window_of(
    kernel: EmulatedKernel,
    process: Process,
    done: EmulatedCall,
    scene: Scene,
    *,
    machine_calls: Sequence[str] = (),
) -> CutWindow:
    """Return the second table, or its end, up to the instruction that takes the next one's lock.

    ``machine_calls``: functions whose time is a number of the machine. The program ends where the
    loop calls any other that nobody defines.
    """
    locked = [_locked(kernel, process, done, table) for table in range(TABLES)]
    code = {kernel.image.stubs.get(pc, "") for pc in done.pcs[locked[1] : locked[2]]}
    stubs = code - {"", *_BARE, *machine_calls}
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


def read_options(arguments: Sequence[str]) -> tuple[str, BuildTree, BootCpu, set[str]]:
    """Return what a command line says: NAME TREE [tlb_range] [mitigations] [OPTION...]."""
    name, folder, *options = arguments
    tree = read_tree(Path(folder))
    default = next(iter(CPUS[tree.isa].values()))
    features = default.features | {option for option in options if option == "tlb_range"}
    return name, tree, BootCpu(features, mitigations="mitigations" in options), set(options)


def changed_source(source: str, changes: Sequence[tuple[str, str]]) -> str:
    """Return a source with texts replaced; the program ends where one is not there."""
    for now, before in changes:
        if now not in source:
            sys.exit(f"no {now!r} in this source")
        source = source.replace(now, before)
    return source


def boot(tree: BuildTree, cpu: BootCpu, *texts: str) -> EmulatedKernel:
    """Compile ``mm/memory.c`` and C files of these texts, the loop's first, link and boot them."""
    with TemporaryDirectory() as built:
        memory = Path(built) / "memory.o"
        tree.compile(tree.source / "mm/memory.c", memory)
        sources = []
        for number, text in enumerate(texts):
            sources.append(Path(built) / f"text{number}.c")
            sources[-1].write_text(text)
        if tree.isa == "arm64":
            sources.append(tree.source / "arch/arm64/mm/mmu.c")
        return build_kernel(tree, [memory], cpu, extra=sources)


def save(operation: str, name: str, program: RecordedProgram) -> None:
    """Write a recording, say how much each window executes."""
    write_bytes(FOLDER / operation / f"{name}.npz", save_program(program))
    for key, window in program.recordings.items():
        print(f"{name} {key}: {len(window) / window.ptes:.1f} micro-ops per PTE")
