"""The recorded object linked with all that it needs: an emulated kernel in which one can make
processes, fork them and look at their page tables."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Final, Self

from costmodel.emulation.emulator import Emulator
from costmodel.emulation.image import Image, link
from costmodel.emulation.objects import LinkedNames
from costmodel.emulation.patching import BootCpu, patch_alternatives, patch_calls
from costmodel.emulation.tree import BuildTree
from costmodel.parallel import cpus
from costmodel.units import PAGE_BYTES

SETUP: Final = Path(__file__).parent / "setup" / "setup.c"
_BASE_ADDRESS: Final = 0x7F00_0000_0000
"""User address of page 0 of a process."""
BASE_PFN: Final = 0x80000
"""The frame that stands for frame 0 of a layout; page tables lie far away from it."""
VMEMMAP_BYTES: Final = 64 << 20
CONTIGUOUS: Final = 32
"""Bit of :meth:`EmulatedKernel.entry`."""
_FACTS: Final = 64
_MASK: Final = (1 << 64) - 1
_HELPERS: Final = {
    "mm/pgtable-generic.c": (
        "__pte_offset_map", "__pte_offset_map_lock", "pte_offset_map_lock", "pte_offset_map_nolock",
        "pte_offset_map_ro_nolock", "pte_offset_map_rw_nolock",
    ),
    "kernel/locking/spinlock.c": ("_raw_spin_lock", "_raw_spin_unlock"),
    "kernel/sched/core.c": ("preempt_model_full", "preempt_model_none", "preempt_model_voluntary"),
    "arch/x86/kernel/paravirt.c": ("pv_ops",),
    "arch/x86/kernel/irqflags.S": ("native_save_fl",),
    "arch/x86/mm/pgtable.c": ("pte_mkwrite", "ptep_set_access_flags"),
    "arch/arm64/mm/contpte.c": (
        "contpte_set_ptes", "__contpte_try_fold", "__contpte_try_unfold", "contpte_ptep_get",
        "contpte_wrprotect_ptes", "contpte_get_and_clear_full_ptes",
    ),
    "arch/arm64/mm/mmu.c": (
        "ptep_modify_prot_start", "ptep_modify_prot_commit", "modify_prot_start_ptes",
        "modify_prot_commit_ptes",
    ),
    "arch/x86/lib/memset_64.S": ("memset", "__memset"),
    "arch/arm64/lib/memset.S": ("memset", "__memset"),
    "mm/kasan/shadow.c": ("__kasan_check_read", "__kasan_check_write"),
    "mm/kasan/generic.c": ("kasan_check_range", "__asan_load8", "__asan_load8_noabort"),
    "mm/rmap.c": ("flush_tlb_batched_pending",),
    "mm/util.c": ("folio_pte_batch_flags", "folio_pte_batch"),
}  # fmt: skip
"""Source files of the tree with the functions that loops may call of them. A file is compiled in
only if the recorded objects call one of these."""


def user_address(page: int) -> int:
    """Return the user address of a page of a process."""
    return _BASE_ADDRESS + page * PAGE_BYTES


@dataclass(frozen=True)
class Process:
    """A process in the emulated kernel: addresses of its mapping, and where it is mapped."""

    vma: int
    mm: int
    pages: int


class EmulatedKernel:
    """One linked and patched build."""

    def __init__(
        self, image: Image, cpu: BootCpu, *, shadow: int = 0, tree: BuildTree | None = None
    ) -> None:
        """Prepare ``image`` as booting on ``cpu`` would, as far as it matters to these loops.

        ``shadow``: where KASAN keeps what it knows of address 0, if the image asks it. ``tree``:
        where it was built.
        """
        self.tree = tree
        patch_calls(image, cpu)
        self.image = image
        self.emulator = Emulator(image)
        self.emulator.allow(*_DIRECT_MAP[image.isa])
        if shadow:  # zeros: all memory may be used
            first = _KERNEL_HALF[image.isa]
            self.emulator.allow(shadow + (first >> 3) & _MASK, (1 << 64) - first >> 3)
        self.emulator.call("cm_init")
        self.facts: Mapping[str, int] = self._read_facts()
        self.emulator.allow(self._struct_page(BASE_PFN) - PAGE_BYTES, VMEMMAP_BYTES)
        self.emulator.allow(self.facts["vmemmap"], VMEMMAP_BYTES)
        self.emulator.set_current(self.facts["task"])
        patch_alternatives(self.emulator, dict(self.facts), cpu)
        self.emulator.replace_unknown()

    def _read_facts(self) -> dict[str, int]:
        start = self.image.address("cm_facts")
        pairs = [self.emulator.read_words(start + 16 * i, 2) for i in range(_FACTS)]
        return {self.emulator.read_text(name): value for name, value in pairs if name}

    def _struct_page(self, pfn: int) -> int:
        return self.facts["vmemmap"] + pfn * self.facts["struct_page_bytes"]

    @property
    def frames_range(self) -> tuple[int, int]:
        """First and last address of the struct pages of the memory that processes map."""
        first = self._struct_page(BASE_PFN)
        return first, first + VMEMMAP_BYTES // 2

    @property
    def tables_range(self) -> tuple[int, int]:
        """First and last address of the struct pages of page tables."""
        return self.facts["vmemmap"], self.facts["vmemmap"] + VMEMMAP_BYTES

    def reset(self) -> None:
        """Forget every process and folio."""
        clear = self.emulator.clear
        clear(
            self.facts["arena_start"] + _rounded(self.facts["task_bytes"]),
            self.facts["arena_bytes"],
        )
        clear(self._struct_page(BASE_PFN) - PAGE_BYTES, VMEMMAP_BYTES)
        clear(self.facts["vmemmap"], VMEMMAP_BYTES)
        self.emulator.call("cm_reset")

    def process(self, pages: int, first: int = 0) -> Process:
        """Return a new process with an anonymous mapping of ``pages`` pages from ``first`` on."""
        vma = self.emulator.call("cm_process", user_address(first), user_address(first + pages))
        return Process(vma & _MASK, self.emulator.call("cm_mm_of", vma) & _MASK, pages)

    def folio(self, process: Process, pfn: int, order: int) -> None:
        """Make an anonymous folio of ``order`` from frame ``pfn`` on."""
        self.emulator.call("cm_folio", process.vma, BASE_PFN + pfn, order)

    def map(self, process: Process, page: int, pfn: int, count: int) -> None:
        """Map ``count`` pages of one folio, writable and dirty."""
        self.emulator.call("cm_map", process.vma, user_address(page), BASE_PFN + pfn, count)

    def fork(self, child: Process, parent: Process) -> int:
        """Copy the mapping; return the result of the kernel's function, which is 0 on success."""
        return self.emulator.call("cm_fork", child.vma, parent.vma)

    def entry(self, process: Process, page: int) -> int:
        """Return what an entry holds: frame << 8, below it its flags.

        Bits 0 to 3 are present, writable, dirty and young, 5 and 6 contiguous and uffd-wp; bit 4
        alone is an entry that is not present.
        """
        value = self.emulator.call("cm_read_pte", process.vma, user_address(page)) & _MASK
        return value - (BASE_PFN << 8) if value & 1 else value

    def contiguous(self, process: Process) -> frozenset[int]:
        """Return the pages whose entries have the contiguous bit."""
        if not self.facts["contpte"]:
            return frozenset()
        return frozenset(p for p in range(process.pages) if self.entry(process, p) & CONTIGUOUS)

    def count(self, what: str, pfn: int) -> int:
        """Return ``refcount``, ``mapcount``, ``large_mapcount`` or ``exclusive`` of a frame."""
        return self.emulator.call(f"cm_{what}", BASE_PFN + pfn)

    def table(self, process: Process, page: int) -> int:
        """Return the address of the table that maps a page."""
        return self.emulator.call("cm_table_of", process.vma, user_address(page)) & _MASK

    def lock(self, process: Process, page: int) -> int:
        """Return the address of the lock of that table."""
        return self.emulator.call("cm_lock_of", process.vma, user_address(page)) & _MASK


_DIRECT_MAP: Final = {
    "x86_64": (0xFFFF_8880_0000_0000, 64 << 20),
    "arm64": (0xFFFF_0000_0000_0000, 64 << 20),
}
"""Where page tables and kernel objects lie: the arena of the set-up is inside."""
_KERNEL_HALF: Final = {"x86_64": 0xFFFF_8000_0000_0000, "arm64": 0xFFFF_0000_0000_0000}
"""The lowest address of a kernel; KASAN has a byte for each 8 from there on."""


def build_kernel(
    tree: BuildTree,
    objects: Iterable[Path],
    cpu: BootCpu,
    *,
    setups: Iterable[Path] = (SETUP,),
    compiler: str = "",
    extra: Iterable[Path] = (),
    sources: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> EmulatedKernel:
    """Compile the set-up and what the loop calls, link all with ``objects`` and boot.

    ``setups`` make what the loop meets; ``extra`` are more source files to compile in; ``sources``
    are files of the tree, compiled in where one of their names is called. Raises ConfigError.
    """
    with TemporaryDirectory() as folder:
        recorded = list(objects)
        around = compile_around(
            tree,
            recorded,
            Path(folder),
            setups=[*setups, *extra],
            sources=sources,
            compiler=compiler,
        )
        image = link([*recorded, *around], tree.isa)
        shadow = int(tree.config.get("CONFIG_KASAN_SHADOW_OFFSET", "0"), 0)
        return EmulatedKernel(image, cpu, shadow=shadow, tree=tree)


def compile_around(
    tree: BuildTree,
    recorded: Iterable[Path],
    folder: Path,
    *,
    setups: Iterable[Path] = (SETUP,),
    sources: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
    compiler: str = "",
) -> list[Path]:
    """Compile ``setups`` and what recorded objects call into ``folder``; return the objects.

    ``sources`` are files of the tree, each with the names of its functions. A file is linked if one
    of these is called: as the tree built it, or compiled again if ``compiler`` is another one.
    """
    known = list(recorded)
    wanted = {
        source: (*_HELPERS.get(source, ()), *sources.get(source, ()))
        for source in (*_HELPERS, *sources)
        if not source.startswith("arch/") or source.startswith(f"arch/{tree.architecture}/")
        if (tree.source / source).is_file()
    }
    with _Compiling(tree, folder, compiler) as compiling:
        for path in (first := list(setups)):
            compiling.begin(path)
        linked = [*known, *map(compiling.object_of, first)]
        names = LinkedNames(linked)
        while needed := _needed(names.undefined, wanted):
            for source in needed:
                compiling.begin(tree.source / source, built=tree.folder / source)
            del wanted[needed[0]]
            linked.append(compiling.object_of(tree.source / needed[0]))
            names.add(linked[-1])
    return linked[len(known) :]


def _needed(missing: Collection[str], wanted: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return the files of ``wanted`` that define a missing name which none before them defines."""
    needed: list[str] = []
    found: set[str] = set()
    for source, names in wanted.items():
        if mine := {name for name in names if name in missing} - found:
            needed.append(source)
            found |= mine
    return needed


class _Compiling:
    """Compiles files for one kernel, as many at a time as there are CPUs."""

    def __init__(self, tree: BuildTree, folder: Path, compiler: str) -> None:
        self._tree, self._folder, self._compiler = tree, folder, compiler
        self._pool = ThreadPoolExecutor(cpus())
        self._objects: dict[Path, Future[Path]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def begin(self, source: Path, *, built: Path | None = None) -> None:
        """Begin with a file, once. ``built``: where the tree has its object, but for the ending."""
        if source not in self._objects:
            number = len(self._objects)
            self._objects[source] = self._pool.submit(self._made, source, built, number)

    def object_of(self, source: Path) -> Path:
        """Return the object of a file that was begun; raise ConfigError if it does not compile.

        Nothing is raised for files that turned out not to be needed.
        """
        return self._objects[source].result()

    def _made(self, source: Path, built: Path | None, number: int) -> Path:
        if built and not self._compiler and built.with_suffix(".o").is_file():
            return built.with_suffix(".o")
        output = self._folder / f"{number}-{source.stem}.o"
        self._tree.compile(source, output, compiler=self._compiler)
        return output


def _rounded(size: int) -> int:
    return -(-size // PAGE_BYTES) * PAGE_BYTES
