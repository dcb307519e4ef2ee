"""Patches code as the kernel does when it boots on a given CPU: alternatives, thunks, tracing.

Static keys keep the state that they are compiled with: that is how a kernel boots.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from costmodel.config.errors import ConfigError
from costmodel.emulation.emulator import Emulator
from costmodel.emulation.image import Image

_RETURN_THUNK: Final = "__x86_return_thunk"
_INDIRECT_THUNK: Final = "__x86_indirect_thunk_"
_TRACERS: Final = ("__fentry__", "mcount")
_X86_NOPS: Final = tuple(
    bytes.fromhex(code)
    for code in (
        "", "90", "6690", "0f1f00", "0f1f4000", "0f1f440000", "660f1f440000", "0f1f8000000000",
        "0f1f840000000000",
    )
)  # fmt: skip
_REGISTERS: Final = (
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
    "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
)  # fmt: skip
_CALL, _JUMP = 0xE8, 0xE9
_SHORT_JUMP: Final = 0xEB
_JUMP_ENTRY: Final = 16
"""Bytes of ``struct jump_entry``: distances to code and target, then to the key."""
_LEFT_TO_OBJTOOL: Final = 2
"""Bit of the key's address."""
_POINTER_CALL: Final = bytes.fromhex("ff1500000000")
_NOTHING: Final = ("nop_func", "_paravirt_nop")
"""Functions of ``pv_ops`` that stand for no code at all."""
_ARM64_NOP: Final = bytes.fromhex("1f2003d5")
_WORDS: Final = 8


@dataclass(frozen=True)
class BootCpu:
    """The properties of a CPU that decide what is patched at boot.

    ``features``: the CPU features whose alternatives are taken, by the names that the set-up gives
    them. ``mitigations``: whether returns and indirect calls go through thunks if the build has
    them.
    """

    features: frozenset[str]
    mitigations: bool = False


CPUS: Final = {
    "x86_64": {"cascade-lake": BootCpu(frozenset({"always", "erms"}))},
    "arm64": {
        "neoverse-n1": BootCpu(frozenset({"lse"})),
        "neoverse-v1": BootCpu(frozenset({"lse", "tlb_range"})),
        "cortex-a72": BootCpu(frozenset()),
    },
}
"""CPUs to boot on, by instruction set. The first of each is what the recordings of booted kernels
were made on. The Neoverse V1 invalidates by range; the Cortex-A72 has no LSE atomics."""


@dataclass(frozen=True)
class _Alternative:
    original: int
    replacement: int
    feature: int
    original_bytes: int
    replacement_bytes: int
    inverted: int
    by_function: int
    direct_call: int


def patch_calls(image: Image, cpu: BootCpu) -> None:
    """Patch calls of thunks and tracers, before the image is loaded.

    With ``mitigations`` a return jumps to its thunk, which returns on CPUs that need nothing more.
    """
    if image.isa != "x86_64":
        return
    _finish_static_branches(image)
    for site in image.sites:
        if site.symbol == _RETURN_THUNK and not cpu.mitigations:
            image.write(site.place - 1, b"\xc3\xcc\xcc\xcc\xcc")
        elif site.symbol.startswith(_INDIRECT_THUNK) and not cpu.mitigations:
            _call_directly(image, site.place, site.symbol.removeprefix(_INDIRECT_THUNK))
        elif site.symbol in _TRACERS:
            image.write(site.place - 1, _X86_NOPS[5])
    thunks = {name: _thunk(name) for name in image.symbols}
    for name, code in thunks.items():
        if code:
            image.define_code(name, code)


def _thunk(name: str) -> bytes:
    """Return the code that replaces a thunk where the CPU needs none; empty for other names."""
    if name == _RETURN_THUNK:
        return b"\xc3\xcc"
    if name.startswith(_INDIRECT_THUNK):
        return _indirect(name.removeprefix(_INDIRECT_THUNK), is_call=False)
    return b""


def _finish_static_branches(image: Image) -> None:
    """Turn jumps of static branches into the nops that objtool makes of them.

    It does so only when the kernel is linked if it must also mark the targets of indirect jumps.
    """
    for start, length in image.sections.get("__jump_table", []):
        for entry in range(start, start + length - _JUMP_ENTRY + 1, _JUMP_ENTRY):
            key = entry + 8 + int.from_bytes(image.read(entry + 8, 8), "little", signed=True)
            if key & _LEFT_TO_OBJTOOL:
                code = entry + int.from_bytes(image.read(entry, 4), "little", signed=True)
                # Where objtool has seen the object already, a nop stands there: of two bytes, too.
                length_of_jump = {_SHORT_JUMP: 2, _JUMP: 5}.get(image.read(code, 1)[0])
                if length_of_jump:
                    image.write(code, _X86_NOPS[length_of_jump])


def _call_directly(image: Image, place: int, register: str) -> None:
    opcode = image.read(place - 1, 1)
    code = _indirect(register, is_call=opcode == b"\xe8")
    if code and opcode in (b"\xe8", b"\xe9"):
        image.write(place - 1, code + _X86_NOPS[5 - len(code)])


def _indirect(register: str, *, is_call: bool) -> bytes:
    if register not in _REGISTERS:
        return b""
    number = _REGISTERS.index(register)
    code = bytes([0xFF, (0xD0 if is_call else 0xE0) + number % 8])
    return (b"\x41" if number >= 8 else b"") + code


def patch_alternatives(emulator: Emulator, facts: dict[str, int], cpu: BootCpu) -> None:
    """Apply the alternatives of a loaded image; the set-up reads their entries.

    Raises ConfigError for a replacement that cannot be moved.
    """
    taken = {facts[f"feature_{name}"] for name in cpu.features if f"feature_{name}" in facts}
    size = facts["alternative_bytes"]
    for start, length in emulator.image.sections.get(".altinstructions", []):
        for entry in range(start, start + length - size + 1, size):
            emulator.call("cm_read_alternative", entry)
            words = emulator.read_words(emulator.image.address("cm_alternative"), _WORDS)
            _apply(emulator, _Alternative(*words), taken)


def _apply(emulator: Emulator, entry: _Alternative, taken: set[int]) -> None:
    applies = (entry.feature in taken) != bool(entry.inverted)
    if emulator.isa == "x86_64":
        code = emulator.read(entry.original, entry.original_bytes)
        if applies and entry.direct_call:
            code = _direct(emulator, entry, code)
        elif applies:
            code = _moved_x86(emulator, entry)
        emulator.write(entry.original, _tidy(code, entry.original_bytes))
    elif applies:
        if entry.by_function:
            # The functions that a feature's mere presence calls turn code into nops.
            code = _ARM64_NOP * (entry.original_bytes // 4)
        else:
            code = b"".join(_moved_arm64(emulator, entry))
        emulator.write(entry.original, code)


def _moved_x86(emulator: Emulator, entry: _Alternative) -> bytes:
    code = bytearray(emulator.read(entry.replacement, entry.replacement_bytes))
    if len(code) >= 5 and code[0] in (_CALL, _JUMP):
        distance = int.from_bytes(code[1:5], "little", signed=True)
        distance += entry.replacement - entry.original
        code[1:5] = distance.to_bytes(4, "little", signed=True)
    return bytes(code)


def _direct(emulator: Emulator, entry: _Alternative, code: bytes) -> bytes:
    """Return a direct call of the function that an indirect one finds in ``pv_ops``."""
    if code[:2] != b"\xff\x15":
        return code
    pointer = entry.original + len(_POINTER_CALL) + int.from_bytes(code[2:6], "little", signed=True)
    target = emulator.read_words(pointer, 1)[0]
    if target in {
        emulator.image.symbols[n].address for n in _NOTHING if n in emulator.image.symbols
    }:
        return b""
    distance = target - (entry.original + 5)
    return bytes([_CALL]) + distance.to_bytes(4, "little", signed=True) if target else code


def _tidy(code: bytes, size: int) -> bytes:
    """Fill ``code`` up to ``size`` bytes with nops, and use as few as possible at its end."""
    body = code.rstrip(b"\x90")
    if code != body or len(code) < size:
        left = size - len(body)
        while left:
            step = min(left, len(_X86_NOPS) - 1)
            body += _X86_NOPS[step]
            left -= step
    return body


def _moved_arm64(emulator: Emulator, entry: _Alternative) -> Iterator[bytes]:
    """Yield the words of a replacement; a branch out of it keeps its target."""
    for offset in range(0, entry.original_bytes, 4):
        if offset >= entry.replacement_bytes:
            yield _ARM64_NOP
            continue
        word = int.from_bytes(emulator.read(entry.replacement + offset, 4), "little")
        if word >> 26 in (0b000101, 0b100101):  # b, bl
            distance = ((word & 0x3FFFFFF) ^ 0x2000000) - 0x2000000
            target = entry.replacement + offset + 4 * distance
            inside = entry.replacement <= target <= entry.replacement + entry.replacement_bytes
            if not inside:
                distance = (target - entry.original - offset) >> 2
            word = word & 0xFC000000 | distance & 0x3FFFFFF
        elif word >> 24 & 0x1F == 0b10000:  # adr, adrp
            place = emulator.image.function_at(entry.original)
            raise ConfigError.of(
                place, "has an alternative that cannot be moved", got=f"{word:#010x}"
            )
        yield word.to_bytes(4, "little")
