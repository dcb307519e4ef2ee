"""A configured kernel build tree: its options, its compiler and how it compiles an object."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from costmodel.config.errors import ConfigError, Fault, describe

MEMORY: Final = "mm/memory.o"
"""The object that holds the copy and unmap loops."""
OLDEST: Final = (6, 1)
"""First version whose loops and structures the recorder knows."""
_ARCHITECTURES: Final = {"CONFIG_X86_64": "x86_64", "CONFIG_ARM64": "arm64"}
_NEEDED: Final = {
    "CONFIG_MMU": "an MMU",
    "CONFIG_SMP": "several CPUs (SMP)",
    "CONFIG_SPARSEMEM_VMEMMAP": "one array of struct pages (SPARSEMEM_VMEMMAP)",
}
_REFUSED: Final = {
    "CONFIG_LTO_CLANG": "link-time optimisation: its objects hold no machine code",
    "CONFIG_PREEMPT_RT": "spin locks that sleep (PREEMPT_RT)",
    "CONFIG_LOCKDEP": "locks that are tracked (lockdep, as PROVE_LOCKING selects it)",
    "CONFIG_ARM64_64K_PAGES": "pages of 64 KiB",
    "CONFIG_ARM64_16K_PAGES": "pages of 16 KiB",
    "CONFIG_CPU_BIG_ENDIAN": "big-endian code",
}
INSTRUMENTED: Final = {
    "CONFIG_KASAN": "KASAN",
    "CONFIG_KCSAN": "KCSAN",
    "CONFIG_KMSAN": "KMSAN",
    "CONFIG_UBSAN": "UBSAN",
    "CONFIG_KCOV": "KCOV",
    "CONFIG_DEBUG_VM": "DEBUG_VM",
    "CONFIG_PAGE_TABLE_CHECK": "page-table checks",
    "CONFIG_GCOV_KERNEL": "gcov",
}
"""Options that add code to the loop which no user's kernel has: recorded, with a warning."""
TELLING: Final = (
    "CONFIG_NR_CPUS", "CONFIG_USERFAULTFD", "CONFIG_MEM_SOFT_DIRTY", "CONFIG_ARM64_CONTPTE",
    "CONFIG_PREEMPT", "CONFIG_PREEMPT_VOLUNTARY", "CONFIG_PREEMPT_DYNAMIC", "CONFIG_NUMA_BALANCING",
    "CONFIG_DYNAMIC_MEMORY_LAYOUT", "CONFIG_LRU_GEN", "CONFIG_DEVICE_PRIVATE",
    "CONFIG_TRANSPARENT_HUGEPAGE", "CONFIG_PARAVIRT_XXL", "CONFIG_MITIGATION_RETHUNK",
    "CONFIG_RETHUNK", "CONFIG_FUNCTION_TRACER", "CONFIG_X86_KERNEL_IBT", "CONFIG_CFI_CLANG",
    "CONFIG_NO_PAGE_MAPCOUNT", "CONFIG_STACKPROTECTOR_STRONG", "CONFIG_CC_OPTIMIZE_FOR_SIZE",
    "CONFIG_SWAP", "CONFIG_INIT_STACK_ALL_ZERO", "CONFIG_BUG", "CONFIG_NUMA", "CONFIG_MMU_NOTIFIER",
)  # fmt: skip
"""Options that change the recorded loops; an archive keeps their values."""

_ONLY_NAMES: Final = re.compile(r"_CC_|VERSION|BUILD_SALT")
"""Options that name the build or describe the compiler."""
_CHECKING: Final = ("-fsanitize=kernel-address", "-fasan-shadow-offset")
_NAMED: Final = 3
"""How many differing options are named."""


@dataclass(frozen=True)
class BuildTree:
    """A folder in which ``make mm/memory.o`` has been run.

    ``config``: options that are set, as text. ``version``: major, minor and patch.
    """

    folder: Path
    config: Mapping[str, str]
    version: tuple[int, int, int]
    isa: str

    @property
    def compiler(self) -> str:
        """The compiler as it names itself, such as ``gcc-12 (Debian 12.2.0-14) 12.2.0``."""
        return self.config.get("CONFIG_CC_VERSION_TEXT", "unknown compiler")

    @property
    def architecture(self) -> str:
        """The folder of its architecture below ``arch``."""
        return "x86" if self.isa == "x86_64" else self.isa

    @property
    def instrumented(self) -> list[str]:
        """What this build adds to the loops for debugging."""
        return [name for option, name in INSTRUMENTED.items() if option in self.config]

    @property
    def options(self) -> dict[str, str]:
        """The options that change the recorded loops."""
        return {key: self.config[key] for key in TELLING if key in self.config}

    @cached_property
    def config_hash(self) -> str:
        """Twelve digits that tell configurations apart."""
        text = "\n".join(f"{key}={value}" for key, value in sorted(self.config.items()))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @cached_property
    def source(self) -> Path:
        """The folder of the sources, which an out-of-tree build has elsewhere."""
        text = _text(self.folder / "mm/.memory.o.cmd")
        found = re.search(r"^source_mm/memory\.o := (.*)mm/memory\.c$", text, re.M)
        return self.folder / (found.group(1) if found else "")

    @cached_property
    def flags(self) -> list[str]:
        """The words of the saved command, the compiler first, without its input and output."""
        path = self.folder / "mm/.memory.o.cmd"
        found = re.search(r"^(?:saved)?cmd_mm/memory\.o := (.*)$", _text(path), re.M)
        if found is None:
            raise ConfigError.of(str(path), "holds no command for mm/memory.o")
        command = re.split(r"\s(?:;|&&)\s", found.group(1).replace(r"\#", "#").replace("$$", "$"))
        words, kept = iter(compiler_words(command[0])), []
        for word in words:
            if word in ("-o", "-c") or word.startswith("-Wp,-M") or word.endswith("memory.c"):
                if word == "-o":
                    next(words, "")
                continue
            kept.append(word)
        if not kept:
            raise ConfigError.of(str(path), "holds no command for mm/memory.o")
        return kept

    def refuse_other(self, path: Path, origin: str) -> None:
        """Raise ConfigError for an object that lies in a tree of another version or configuration.

        Structures are laid out otherwise there; the set-up is compiled against the headers here.
        """
        folder = next((f for f in path.resolve().parents if (f / ".config").is_file()), self.folder)
        config = _config(_text(folder / ".config"))
        version = _version(folder) or self.version
        if version != self.version:
            found = f"of Linux {'.'.join(map(str, version))}"
        elif differing := self._differing(config):
            more = ", ..." if len(differing) > _NAMED else ""
            found = f"with other options ({', '.join(differing[:_NAMED])}{more})"
        else:
            return
        reason = f"lies in a tree {found}: name that one with --build-tree"
        raise ConfigError.of(origin, reason, got=describe(str(path)))

    def _differing(self, other: Mapping[str, str]) -> list[str]:
        """Return the options that another tree has otherwise; none if it is for another machine,
        as its objects say so themselves.
        """
        if any((option in other) != (option in self.config) for option in _ARCHITECTURES):
            return []
        options = sorted({*other, *self.config})
        kept = (option for option in options if not _ONLY_NAMES.search(option))
        return [option for option in kept if other.get(option) != self.config.get(option)]

    def compile(self, source: Path, output: Path, *, compiler: str = "") -> None:
        """Compile a C file with the flags of ``mm/memory.o``; nothing is written to the tree.

        ``compiler`` replaces the saved one. Raises ConfigError with the compiler's first error.
        """
        name = source.stem.replace("-", "_")
        words = [word.replace('"memory"', f'"{name}"') for word in self.flags]
        words = [word.replace("mm/memory", name).replace("kmod_memory", name) for word in words]
        if source.parent.name == "kasan":  # what checks accesses checks none of its own
            words = [word for word in words if not word.startswith(_CHECKING)]
        driver = compiler_words(compiler) if compiler else words[:1]
        folders = [source.parent, self.source / "mm", self.source / "kernel/sched"]
        include = [word for folder in folders for word in ("-I", str(folder.resolve()))]
        assembly = ["-D__ASSEMBLY__"] if source.suffix == ".S" else []
        command = [
            *driver,
            *words[1:],
            *assembly,
            *include,
            "-g0",  # what debuggers read takes a fifth of the time of Debian's trees
            "-w",
            "-c",
            "-o",
            str(output.resolve()),
            str(source.resolve()),
        ]
        try:
            done = subprocess.run(
                command, cwd=self.folder, capture_output=True, text=True, check=False,
                env={**os.environ, "LC_ALL": "C"},
            )  # fmt: skip
        except OSError as error:
            reason = f"cannot be run: {error.strerror}"
            if not compiler:
                reason = f"the tree's compiler {reason}; name another with --cc"
            place = "--cc" if compiler else str(self.folder)
            raise ConfigError.of(place, reason, got=describe(driver[0])) from error
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if "error" in line]
            reason = f"{source.name} does not compile with the flags of {MEMORY}"
            raise ConfigError.of(
                str(self.folder), reason, got=(lines or done.stderr.splitlines() or [""])[0]
            )


def compiler_words(text: str) -> list[str]:
    """Return the words of a shell's command; none where it is no command, as with an open quote."""
    try:
        return shlex.split(text)
    except ValueError:
        return []


def read_tree(folder: Path) -> BuildTree:
    """Read a build tree; raise ConfigError for one that cannot be recorded, all faults at once."""
    config_path = folder / ".config"
    if not config_path.is_file():
        lack = "it holds no .config" if folder.is_dir() else "no such folder"
        raise ConfigError.of(str(folder), f"must be a configured kernel build tree: {lack}")
    config = _config(_text(config_path))
    faults = [Fault(str(folder), reason=reason) for reason in _reasons(folder, config)]
    if faults:
        raise ConfigError(faults)
    isa = next(isa for option, isa in _ARCHITECTURES.items() if option in config)
    version = _version(folder)
    assert version  # or there would be a fault
    return BuildTree(folder.resolve(), config, version, isa)


def _reasons(folder: Path, config: Mapping[str, str]) -> Sequence[str]:
    reasons = [
        f"records no kernel without {name}" for key, name in _NEEDED.items() if key not in config
    ]
    reasons += [f"records no kernel with {name}" for key, name in _REFUSED.items() if key in config]
    if not any(option in config for option in _ARCHITECTURES):
        reasons.append("must be configured for x86-64 or arm64")
    if not (folder / "mm/.memory.o.cmd").is_file() or not (folder / MEMORY).is_file():
        reasons.append(f"holds no {MEMORY}: run 'make {MEMORY}' there first")
    version = _version(folder)
    if version and version[:2] < OLDEST:
        named = ".".join(map(str, version))
        reasons.append(f"must be Linux 6.1 or later (got {named})")
    if not version:
        reasons.append("holds no include/generated/uapi/linux/version.h: run 'make prepare' there")
    return reasons


def _version(folder: Path) -> tuple[int, int, int] | tuple[()]:
    path = folder / "include/generated/uapi/linux/version.h"
    found = re.search(r"LINUX_VERSION_CODE (\d+)", _text(path)) if path.is_file() else None
    if found is None:
        return ()
    code = int(found.group(1))
    return code >> 16, code >> 8 & 255, code & 255


def _text(path: Path) -> str:
    return path.read_text(errors="replace")


def _config(text: str) -> dict[str, str]:
    pairs = re.findall(r"^(CONFIG_\w+)=(.*)$", text, re.M)
    return {key: value.strip('"') for key, value in pairs}
