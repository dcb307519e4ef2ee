"""Which source files of a kernel tree define a function."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

FOLDERS: Final = ("mm", "lib", "kernel", "arch", "block", "fs", "security")
"""Where loops over page tables may call functions of, the likeliest first: 36 MB, 0.2 s."""
_ENDINGS: Final = (".c", ".S")


def defining_files(source: Path, architecture: str, name: str) -> list[str]:
    """Return the files of a kernel's source that define the function ``name``, as paths in it.

    ``architecture`` is its folder below ``arch``. Files of :data:`FOLDERS` are looked through,
    whether the configuration has them or not. None is returned for what macros make.
    """
    word = re.escape(name)
    head = rf"^(?!static\b)(?:[A-Za-z_][\w \t*]*[ \t*])?{word}[ \t]*\([^;{{}}]*\{{"
    definition = re.compile(rf"{head}|^[ \t]*(?:SYM_[A-Z_]+|ENTRY)\({word}\b".encode(), re.M)
    folders = (source / f / (architecture if f == "arch" else "") for f in FOLDERS)
    return [
        path.relative_to(source).as_posix()
        for folder in folders
        for path in _sources(folder)
        if name.encode() in (text := path.read_bytes()) and definition.search(text)
    ]


def _sources(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.suffix in _ENDINGS)
