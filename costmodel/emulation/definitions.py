"""Which source files of a kernel tree define functions."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

FOLDERS: Final = ("mm", "lib", "kernel", "arch", "block", "fs", "security")
"""Where loops over page tables may call functions of, the likeliest first: 81 MB in 6.12, 0.3 s."""
_ENDINGS: Final = (".c", ".S")


def defining_files(source: Path, architecture: str, names: Collection[str]) -> dict[str, list[str]]:
    """Return the files of a kernel's source that define each function, as paths in it, by name.

    ``architecture`` is its folder below ``arch``. Files of :data:`FOLDERS` are looked through once
    for all names, whether the configuration has them or not. None is found for what macros make.
    """
    words = [name.encode() for name in names]
    definition = _definition(words)
    found: dict[str, list[str]] = {name: [] for name in names}
    for folder in FOLDERS:
        for path in _sources(source / folder / (architecture if folder == "arch" else "")):
            text = path.read_bytes()
            if not any(word in text for word in words):  # much faster than the pattern
                continue
            matches = definition.finditer(text)
            defined = {m["c"] or m["assembly"] for m in matches if m["static"] is None}
            for name in defined:
                found[name.decode()].append(path.relative_to(source).as_posix())
    return found


def _definition(names: Collection[bytes]) -> re.Pattern[bytes]:
    """Return what begins a definition; ``static`` on the line before hides it from others."""
    word = b"|".join(map(re.escape, names))
    before = rb"(?P<static>static\b[^;{}\n]*\n)?"
    head = rb"(?!static\b)(?:[A-Za-z_][\w \t*]*[ \t*])?"
    in_c = rb"%s%s(?P<c>%s)[ \t]*\([^;{}]*\{" % (before, head, word)
    in_assembly = rb"[ \t]*(?:SYM_[A-Z_]+|ENTRY)\((?P<assembly>%s)\b" % word
    return re.compile(rb"^(?:%s|%s)" % (in_c, in_assembly), re.M)


def _sources(folder: Path) -> Iterator[Path]:
    """Yield source files; a link that leads nowhere is none."""
    paths = sorted(folder.rglob("*"))
    return (path for path in paths if path.suffix in _ENDINGS and path.is_file())
