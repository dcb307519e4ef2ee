"""Links object files at kernel addresses; every name that none of them defines becomes a stub."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import Section, SymbolTableSection

from costmodel.config.errors import ConfigError
from costmodel.emulation.objects import open_object
from costmodel.emulation.relocations import CALLS, apply
from costmodel.units import PAGE_BYTES

BASE: Final = {"x86_64": 0xFFFF_FFFF_8100_0000, "arm64": 0xFFFF_8000_8001_0000}
"""Where kernel text begins."""
STUB_BYTES: Final = 64
DATA_STUB_BYTES: Final = 0x2000
"""Room for a variable of unknown size, zero."""
_RETURN_ZERO: Final = {
    "x86_64": bytes.fromhex("31c0c3"),
    "arm64": bytes.fromhex("000080d2c0035fd6"),
}
_ALIAS_PREFIX: Final = "const_"
"""Linker scripts give some variables a second name with this prefix, to be read as constant."""
_FUNCTIONS: Final = {"__static_call_return0"}
"""Functions that trampolines jump to without a relocation of their own kind."""
_ALLOC = 2


@dataclass(frozen=True)
class Symbol:
    """A name in the image and its address; ``size`` in bytes is 0 where the object gives none.

    ``code``: whether it is a function.
    """

    name: str
    address: int
    size: int
    code: bool


@dataclass(frozen=True)
class Site:
    """A call or jump from code to a symbol, which booting may patch.

    ``place`` is the address of the bytes that hold the reference.
    """

    place: int
    symbol: str


@dataclass
class Image:
    """The linked code and data: ``chunks`` are address to bytes, ``symbols`` by name.

    ``stubs``: functions that no object defines, address to name. ``sections``: name to the
    (address, size) of each object that has it. ``sites``: calls and jumps that booting may patch.
    ``functions``: symbols that hold instructions.
    """

    isa: str
    chunks: dict[int, bytearray] = field(default_factory=dict)
    symbols: dict[str, Symbol] = field(default_factory=dict)
    stubs: dict[int, str] = field(default_factory=dict)
    sections: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    sites: list[Site] = field(default_factory=list)
    functions: list[Symbol] = field(default_factory=list)

    def address(self, name: str) -> int:
        """Return the address of a symbol; raise KeyError for an unknown one."""
        return self.symbols[name].address

    def read(self, address: int, size: int) -> bytes:
        """Return bytes of the linked image."""
        chunk, offset = self._find(address)
        return bytes(chunk[offset : offset + size])

    def write(self, address: int, data: bytes) -> None:
        """Change bytes of the image."""
        chunk, offset = self._find(address)
        chunk[offset : offset + len(data)] = data

    def define_code(self, name: str, code: bytes) -> None:
        """Turn a stub into a function with the machine code ``code``."""
        self.write(self.address(name), code)
        if self.stubs.pop(self.address(name), None):
            self.functions.append(self.symbols[name])

    def _find(self, address: int) -> tuple[bytearray, int]:
        place = bisect.bisect_right(self._starts, address) - 1
        start = self._starts[place]
        return self.chunks[start], address - start

    @cached_property
    def _starts(self) -> list[int]:
        return sorted(self.chunks)

    @cached_property
    def _by_address(self) -> tuple[list[int], list[Symbol]]:
        ordered = sorted(self.functions, key=lambda symbol: symbol.address)
        return [symbol.address for symbol in ordered], ordered

    def function_at(self, address: int) -> str:
        """Return the name of the function that holds an address, or else the address as text."""
        if address in self.stubs:
            return self.stubs[address]
        starts, ordered = self._by_address
        place = bisect.bisect_right(starts, address) - 1
        if place >= 0 and address < starts[place] + max(ordered[place].size, 1):
            return ordered[place].name
        return hex(address)


def link(paths: Iterable[Path], isa: str) -> Image:
    """Link object files; where several define a name, the first definition is taken.

    Raises ConfigError for a file that is not an object of ``isa`` with machine code.
    """
    image = Image(isa)
    opened = [_Object(path, isa) for path in paths]
    cursor = BASE[isa]
    for each in opened:
        cursor = each.place(image, cursor)
    for each in opened:
        each.define(image)
    _add_stubs(image, opened, cursor)
    for each in opened:
        each.relocate(image)
    return image


class _Object:
    """One relocatable file while it is linked."""

    def __init__(self, path: Path, isa: str) -> None:
        """Open ``path``."""
        self.path, self.isa = path, isa
        self.elf = open_object(path)
        machine = {"EM_X86_64": "x86_64", "EM_AARCH64": "arm64"}.get(self.elf["e_machine"])
        if machine != isa:
            raise ConfigError.of(
                str(path), f"must be an object for {isa}", got=str(self.elf["e_machine"])
            )
        table = self.elf.get_section_by_name(".symtab")
        assert isinstance(table, SymbolTableSection)
        self.table = list(table.iter_symbols())
        self.at: dict[int, int] = {}

    def place(self, image: Image, cursor: int) -> int:
        """Give every section that is loaded its address; return the first free one."""
        for number, section in self._loaded():
            align = max(int(section["sh_addralign"]), 16)
            cursor = -(-cursor // align) * align
            size = int(section["sh_size"])
            data = bytes(size) if section["sh_type"] == "SHT_NOBITS" else section.data()
            self.at[number] = cursor
            image.chunks[cursor] = bytearray(data)
            image.sections.setdefault(section.name, []).append((cursor, size))
            cursor += size + 64
        return -(-cursor // PAGE_BYTES) * PAGE_BYTES

    def _loaded(self) -> Iterator[tuple[int, Section]]:
        for number, section in enumerate(self.elf.iter_sections()):
            if section["sh_flags"] & _ALLOC and section["sh_size"]:
                yield number, section

    def define(self, image: Image) -> None:
        """Add the symbols that the object defines."""
        for symbol in self.table:
            number = symbol["st_shndx"]
            if not isinstance(number, int) or number not in self.at or not symbol.name:
                continue
            code = symbol["st_info"]["type"] == "STT_FUNC"
            entry = Symbol(
                symbol.name, self.at[number] + symbol["st_value"], symbol["st_size"], code
            )
            if symbol["st_info"]["bind"] != "STB_LOCAL":
                image.symbols.setdefault(symbol.name, entry)
            if code:
                image.functions.append(entry)

    def references(self) -> Iterator[tuple[int, Any, Any]]:
        """Iterate over (address of its section, relocation, symbol)."""
        for section in self.elf.iter_sections():
            if isinstance(section, RelocationSection) and section["sh_info"] in self.at:
                at = self.at[section["sh_info"]]
                for relocation in section.iter_relocations():
                    yield at, relocation, self.table[relocation["r_info_sym"]]

    def target(self, image: Image, symbol: Any) -> int:
        """Return the address of a symbol that the object refers to."""
        number = symbol["st_shndx"]
        if symbol["st_info"]["bind"] == "STB_LOCAL" and isinstance(number, int):
            return self.at.get(number, 0) + int(symbol["st_value"])
        if number == "SHN_ABS":
            return int(symbol["st_value"])
        return image.address(symbol.name)

    def relocate(self, image: Image) -> None:
        """Apply the relocations of the object: write all addresses that the compiler left open."""
        for at, relocation, symbol in self.references():
            place, kind = at + relocation["r_offset"], relocation["r_info_type"]
            target = self.target(image, symbol) + relocation["r_addend"]
            try:
                apply(self.isa, image, place, kind, target)
            except KeyError:
                reason = "holds a relocation that the recorder does not know"
                raise ConfigError.of(str(self.path), reason, got=f"type {kind}") from None
            if kind in CALLS[self.isa]:
                image.sites.append(Site(place, symbol.name))


def _add_stubs(image: Image, objects: Iterable[_Object], cursor: int) -> None:
    """Define every name that is used and not defined: functions return 0, variables are 0."""
    called: dict[str, bool] = {}
    for each in objects:
        for _, relocation, symbol in each.references():
            if symbol["st_shndx"] == "SHN_UNDEF" and symbol.name not in image.symbols:
                is_call = relocation["r_info_type"] in CALLS[image.isa]
                is_call = is_call or symbol.name in _FUNCTIONS
                called[symbol.name] = called.get(symbol.name, False) or is_call
    alias = {name: name.removeprefix(_ALIAS_PREFIX) for name in called}
    for name, is_function in called.items():
        if alias[name] != name:
            continue
        size = STUB_BYTES if is_function else DATA_STUB_BYTES
        image.chunks[cursor] = bytearray(size)
        image.symbols[name] = Symbol(name, cursor, size, is_function)
        if is_function:
            image.chunks[cursor][: len(_RETURN_ZERO[image.isa])] = _RETURN_ZERO[image.isa]
        if name in _FUNCTIONS:  # that is all they do
            image.functions.append(image.symbols[name])
        elif is_function:
            image.stubs[cursor] = name
        image.sections.setdefault(".stubs" if is_function else ".bss", []).append((cursor, size))
        cursor += size
    for name, real in alias.items():
        if real != name:
            _add_alias(image, name, real)


def _add_alias(image: Image, name: str, real: str) -> None:
    if real not in image.symbols:
        place = max(start + len(chunk) for start, chunk in image.chunks.items())
        place = -(-place // PAGE_BYTES) * PAGE_BYTES
        image.chunks[place] = bytearray(DATA_STUB_BYTES)
        image.symbols[real] = Symbol(real, place, DATA_STUB_BYTES, False)
        image.sections.setdefault(".bss", []).append((place, DATA_STUB_BYTES))
    image.symbols[name] = image.symbols[real]
