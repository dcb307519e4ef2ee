"""A build tree of a tiny kernel, compiled with the system's compiler."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from costmodel.emulation.session import Outcome

TINY = Path(__file__).parent / "tiny"
SETUP = TINY / "setup.c"
_FLAGS = {
    "x86_64": "-mcmodel=kernel -mno-red-zone -fcf-protection=none -mno-sse",
    "arm64": "-march=armv8.1-a+nosimd -mgeneral-regs-only",
}
_COMMON = (
    "-O2 -ffreestanding -fno-pic -fno-pie -fno-stack-protector -fno-asynchronous-unwind-tables"
)
_VERSION = (6 << 16) + (12 << 8) + 1


def machine() -> str:
    """Return the instruction set that the system's compiler is for; skip where there is none."""
    if shutil.which("cc") is None:
        pytest.skip("no system compiler (cc) to build the tiny kernel with")
    name = subprocess.run(["cc", "-dumpmachine"], capture_output=True, text=True, check=True)
    isa = {"x86_64": "x86_64", "aarch64": "arm64"}.get(name.stdout.split("-")[0])
    if isa is None:
        pytest.skip(f"the system's compiler is for {name.stdout.strip()}")
    return isa


def make_tree(folder: Path, *, flags: str = "", config: str = "", linked: bool = True) -> Path:
    """Return a tree in which mm/memory.o is built; without ``linked`` it has no locks in it."""
    isa = machine()
    option = "CONFIG_X86_64" if isa == "x86_64" else "CONFIG_ARM64"
    for path in ("mm", "include/generated/uapi/linux", "kernel"):
        (folder / path).mkdir(parents=True)
    for name in ("memory.c", "tiny.h", "locks.c"):
        shutil.copy(TINY / name, folder / "mm" / name)
    shutil.copy(TINY / "change.c", folder / "mm/mprotect.c")
    lines = f"{option}=y\nCONFIG_MMU=y\nCONFIG_SMP=y\nCONFIG_SPARSEMEM_VMEMMAP=y\n{config}"
    (folder / ".config").write_text(lines + 'CONFIG_CC_VERSION_TEXT="tiny cc"\n')
    version = folder / "include/generated/uapi/linux/version.h"
    version.write_text(f"#define LINUX_VERSION_CODE {_VERSION}\n")
    words = f"cc {_COMMON} {_FLAGS[isa]} {flags} -I{TINY} "
    command = f"{words} -c -o mm/memory.o mm/memory.c"
    subprocess.run(command.split(), cwd=folder, check=True)
    text = f"savedcmd_mm/memory.o := {command} ; ./tools/objtool mm/memory.o\n\n"
    (folder / "mm/.memory.o.cmd").write_text(f"{text}source_mm/memory.o := mm/memory.c\n")
    return folder


def recorded(tree: Path, output: Path, **more: object) -> Outcome:
    """Record a tree as ``output``; ``more`` are further options of the request."""
    from costmodel.emulation.session import Request, record  # needs costmodel[record]

    options = {"sources": ("mm/locks.c",), "name": "tiny", "output": str(output), **more}
    return record(Request(build_tree=str(tree), **options), setup=SETUP)  # type: ignore[arg-type]
