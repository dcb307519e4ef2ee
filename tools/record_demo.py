"""From an edited kernel to the table for the mail, by itself: ``make record-demo``.

    python -m tools.record_demo [LINUX]

``LINUX`` is a configured build tree in which ``make mm/memory.o`` has been run, a source folder, a
source tarball, or Debian's package of one (``linux-source-6.12_*.deb``). Without it the tarball
that Debian's package installs is taken, or the package fetched with ``apt-get download``, which
needs no root. One line of the copy loop is changed in a copy of ``mm/memory.c``; nothing is written
to the tree. What is made lies in ``out/record-demo``.
"""

from __future__ import annotations

import platform
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from costmodel.config.errors import ConfigError
from costmodel.emulation.tree import MEMORY, BuildTree, read_tree

OUT: Final = Path("out/record-demo")
PACKAGE: Final = "linux-source-6.12"
LINE: Final = "if (unlikely(!*prealloc && folio_test_large(folio) && max_nr != 1)) {"
CHANGED: Final = "if (unlikely(!*prealloc && max_nr != 1)) {"
"""The changed line of 6.12: batches are looked for behind small folios too."""
MACHINES: Final = {
    "x86_64": ("xeon-4210r", "epyc-milan", "sapphire-rapids"),
    "arm64": ("ampere-altra", "graviton4", "apple-m2-vm"),
}
ORDERS: Final = (0, 4, 9)
_INSTALLED: Final = Path(f"/usr/src/{PACKAGE}.tar.xz")
_CONFIGS: Final = Path(__file__).parent / "builds/configs"
_HOSTS: Final = {
    "x86_64": ("x86_64", "x86-small.config"),
    "aarch64": ("arm64", "arm64-contpte.config"),
}
_LEFT_PACKED: Final = ("*/drivers/*.[ch]", "*/sound/*.[ch]", "*/fs/*.c", "*/Documentation/*.rst")
"""What the memory manager is built without: four fifths of the source."""


class DemoError(Exception):
    """Why the demonstration cannot go on, in a line."""


def needs(*tools: str) -> None:
    """Raise DemoError for programs that are not there, all at once."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        raise DemoError(f"needs {', '.join(missing)}: not found in PATH")


def build_tree(given: str | None) -> BuildTree:
    """Return a build tree in which ``mm/memory.o`` is: the one given, or one made of a source."""
    path = Path(given).expanduser() if given else None
    if path is not None and not path.exists():
        raise DemoError(f"LINUX={given}: no such file or folder")
    if path is not None and (path / "mm/.memory.o.cmd").is_file():
        return read_tree(path)
    return _made(_unpacked(path or _package()))


def changed_object(tree: BuildTree, folder: Path, line: str, changed: str) -> Path:
    """Compile the loop with another line as the tree compiles its own; return the object.

    Raises DemoError where the line to change is not in the source once.
    """
    text = (tree.source / "mm/memory.c").read_text()
    if text.count(line) != 1:
        raise DemoError(f"{tree.source}/mm/memory.c: must hold this line once: {line}")
    folder.mkdir(exist_ok=True)
    source = folder / "memory.c"
    source.write_text(text.replace(line, changed))
    tree.compile(source, folder / "memory.o")
    return folder / "memory.o"


def demonstrate(tree: BuildTree, say: Callable[[str], None] = print) -> None:
    """Change the line, record both loops and print the table; ``say`` gets what is done."""
    say(f"the changed line of mm/memory.c:\n  -\t{LINE}\n  +\t{CHANGED}\n")
    begun = time.monotonic()
    changed_object(tree, OUT, LINE, CHANGED)
    _costmodel("record", "--build-tree", str(tree.folder), "--name", "base")
    _costmodel("record", "--like", "base", "--object", "memory.o", "--name", "patched")
    machines = [word for name in MACHINES[tree.isa] for word in ("--machine", name)]
    orders = [word for order in ORDERS for word in ("--order", str(order))]
    both = ("--strategy", "@patched", "--baseline", "@base")
    _costmodel("run", *machines, *both, *orders, "--no-noise")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    say(
        f"from {MEMORY} to the table: {time.monotonic() - begun:.0f} s "
        f"({used.ru_utime + used.ru_stime:.0f} s of CPU time with the build), at most "
        f"{used.ru_maxrss / 1024:.0f} MB in a process"
    )


def _costmodel(*words: str) -> None:
    print(f"$ costmodel {' '.join(words)}", flush=True)
    done = subprocess.run([sys.executable, "-m", "costmodel", *words], cwd=OUT, check=False)
    if done.returncode:
        raise DemoError(f"costmodel {words[0]} ended with {done.returncode}")
    print(flush=True)


def _package() -> Path:
    """Return Debian's source: what its package has installed, or the package, fetched."""
    if _INSTALLED.is_file():
        return _INSTALLED
    known = sorted(OUT.glob(f"{PACKAGE}_*.deb"))
    if not known:
        needs("apt-get")
        _run(["apt-get", "download", PACKAGE], "name a source: make record-demo LINUX=PATH")
        known = sorted(OUT.glob(f"{PACKAGE}_*.deb"))
    return known[-1]


def _unpacked(path: Path) -> Path:
    """Return the folder of a source; a package or tarball is unpacked below ``OUT``."""
    given, path = path, path.resolve()
    if path.is_dir():
        return path
    if not path.is_file():
        raise DemoError(f"LINUX={given}: neither a folder nor a regular file")
    needs("tar", "xz")
    name, fault = path.name, f"LINUX={given}: "
    if path.suffix == ".deb":
        needs("dpkg-deb")
        package = _whole("package", name, ["dpkg-deb", "-x", str(path)], [], fault)
        tarballs = sorted(package.glob("usr/src/*.tar.xz"))
        if not tarballs:
            raise DemoError(f"{fault}holds no usr/src/*.tar.xz: no package of a source")
        path = tarballs[0]
    left = [f"--exclude={pattern}" for pattern in _LEFT_PACKED]
    options = ["--strip-components=1", *left]
    return _whole("source", name, ["tar", "-xf", str(path), "-C"], options, fault)


def _whole(kind: str, name: str, command: list[str], options: list[str], fault: str) -> Path:
    """Return the folder of what is unpacked of ``name``, which is whole: it is renamed at the end.

    The folder's own name stands between ``command`` and ``options``.
    """
    folder = OUT / kind / name
    if folder.is_dir():
        print(f"{folder}: unpacked before, taken as it is", flush=True)
        return folder.resolve()
    part = folder.with_name(f"{name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    _run([*command, f"{kind}/{part.name}", *options], before=fault)
    part.rename(folder)
    return folder.resolve()


def _made(source: Path) -> BuildTree:
    """Configure a source as the small shipped builds are, and make the object."""
    if not (source / "mm/memory.c").is_file():
        raise DemoError(f"{source}: holds no mm/memory.c: no kernel source")
    if platform.machine() not in _HOSTS:
        raise DemoError(f"builds kernels on {' and '.join(_HOSTS)} alone: name a build tree")
    arch, config = _HOSTS[platform.machine()]
    needs("make", "gcc", "flex", "bison", "bc", "perl")
    tree = (OUT / "build").resolve()
    make = ["make", "-s", "-C", str(source), f"O={tree}", f"ARCH={arch}"]
    _run([*make, f"KCONFIG_ALLCONFIG={(_CONFIGS / config).resolve()}", "allnoconfig"])
    _run([*make, "-j2", "prepare"])
    _run([*make, MEMORY])
    return read_tree(tree)


def _run(command: Sequence[str], hint: str = "", before: str = "") -> None:
    """Run a command in ``OUT``; its first error is that of the demonstration.

    With ``before``, which says what is read, that is its first line: of tar and dpkg-deb the lines
    that follow only say that there was an error.
    """
    print(f"$ {' '.join(command)}", flush=True)
    done = subprocess.run(
        command, cwd=OUT, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        errors = [] if before else [line for line in lines if "error" in line.lower()]
        first = [*errors, *lines, "no reason given"][0].strip()
        more = f"; {hint}" if hint else ""
        raise DemoError(f"{before}{' '.join(command[:2])} failed: {first}{more}")


def main() -> int:
    """Do it all; 2 where it cannot be done."""
    OUT.mkdir(parents=True, exist_ok=True)
    try:
        demonstrate(build_tree(sys.argv[1] if len(sys.argv) > 1 and sys.argv[1] else None))
    except (DemoError, ConfigError) as error:
        print(f"record-demo: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
