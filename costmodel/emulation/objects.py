"""Object files as compilers leave them: refused with a reason if they cannot be linked, and the
names that they use and define.
"""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Final, NamedTuple

from elftools.common.exceptions import ELFError
from elftools.construct import ConstructError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from costmodel.config.errors import ConfigError

_EXECUTABLE: Final = 4
_GCC_LTO: Final = ".gnu.lto_"


def open_object(path: Path) -> ELFFile:
    """Open an object; raise ConfigError for a file that holds no machine code, or not all of it."""
    data = path.read_bytes()
    if data[:4] != b"\x7fELF":
        raise ConfigError.of(
            str(path), "must be an ELF object with machine code, not bitcode (LTO)"
        )
    try:
        elf = ELFFile(BytesIO(data))
        sections = {section.name: section for section in elf.iter_sections()}
    except (ELFError, ConstructError, UnicodeDecodeError, AttributeError):
        sections = {}
    ends = [
        section["sh_offset"] + section["sh_size"]
        for section in sections.values()
        if section["sh_type"] != "SHT_NOBITS"
    ]
    if ".symtab" not in sections or max(ends) > len(data):
        raise ConfigError.of(str(path), "must be a whole ELF object with a symbol table")
    code = any(s["sh_flags"] & _EXECUTABLE and s["sh_size"] for s in sections.values())
    if not code and any(name.startswith(_GCC_LTO) for name in sections):
        raise ConfigError.of(
            str(path), "must hold machine code, not what gcc left for the linker (LTO)"
        )
    return elf


class _Names(NamedTuple):
    used: frozenset[str]
    defined: frozenset[str]


class LinkedNames:
    """The names that objects which are linked together use and define."""

    def __init__(self, paths: Iterable[Path]) -> None:
        """Begin with some objects."""
        self._used: set[str] = set()
        self._defined: set[str] = set()
        for path in paths:
            self.add(path)

    def add(self, path: Path) -> None:
        """Link one more object."""
        names = _names(path)
        self._used |= names.used
        self._defined |= names.defined

    @property
    def undefined(self) -> frozenset[str]:
        """The names that the objects use and none of them defines."""
        return frozenset(self._used - self._defined)


def defined(path: Path) -> frozenset[str]:
    """Return the names that an object defines for others."""
    return _names(path).defined


def _names(path: Path) -> _Names:
    table = open_object(path).get_section_by_name(".symtab")
    assert isinstance(table, SymbolTableSection)
    known = [s for s in table.iter_symbols() if s["st_info"]["bind"] != "STB_LOCAL" and s.name]
    used = frozenset(s.name for s in known if s["st_shndx"] == "SHN_UNDEF")
    return _Names(used, frozenset(s.name for s in known) - used)
