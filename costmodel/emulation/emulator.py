"""Runs functions of an image and notes every instruction and every access to memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import unicorn as _untyped
from unicorn import arm64_const, x86_const

from costmodel.config.errors import ConfigError
from costmodel.emulation.image import Image
from costmodel.emulation.lookup import Lookup
from costmodel.emulation.prefetches import PrefetchInstructions
from costmodel.units import PAGE_BYTES

unicorn: Any = _untyped

PHYSICAL_BYTES: Final = 256 << 20
STACK_TOP: Final = {"x86_64": 0xFFFF_C900_0001_4000, "arm64": 0xFFFF_8000_9000_4000}
STACK_BYTES: Final = 0x4000
LOW_BYTES: Final = 0x1000
"""Bytes from address 0 on. x86: per-CPU data, as the base register is 0. Else fields of objects
that only boot would have made: zeros."""
_STOP: Final = {"x86_64": 0xFFFF_FFFF_A000_0800, "arm64": 0xFFFF_8000_A000_0800}
_LIMIT: Final = 40_000_000
"""The most instructions that one call may execute; a call with more is taken not to end."""
_RANGE_TLBI: Final = (0xD508_8220, 0xD508_82A0)
"""``tlbi rvae1is`` and ``tlbi rvale1is`` of register 0, which Unicorn cannot execute."""
_OF_ONE_PAGE: Final = 0x100
"""The bit that turns these two into ``tlbi vae1is`` and ``tlbi vale1is``, for one page."""
_ARGUMENTS: Final = {
    "x86_64": (
        x86_const.UC_X86_REG_RDI, x86_const.UC_X86_REG_RSI, x86_const.UC_X86_REG_RDX,
        x86_const.UC_X86_REG_RCX,
    ),
    "arm64": tuple(arm64_const.UC_ARM64_REG_X0 + number for number in range(4)),
}  # fmt: skip


@dataclass
class EmulatedCall:
    """What one call executed: ``pcs`` in order, and per instruction its accesses.

    ``accesses``: (position in ``pcs``, address, bytes, whether it writes). A prefetch reads a byte.
    """

    pcs: list[int] = field(default_factory=list)
    accesses: list[tuple[int, int, int, bool]] = field(default_factory=list)


class Emulator:
    """An image in memory, ready to be called.

    ``allowed``: address ranges that code may touch beside the image and the stack.
    """

    def __init__(self, image: Image) -> None:
        """Load ``image``."""
        self.image, self.isa = image, image.isa
        self._physical: dict[int, int] = {}
        self._pages: list[int] = []
        self._allowed: list[tuple[int, int]] = []
        self._replaced: dict[int, bytes] = {}
        self._uc = self._make()
        self._prefetches = PrefetchInstructions(self.isa, self.read_code)
        self._special = Lookup(self._is_special)
        """Whether an instruction, by its address, repeats itself or prefetches."""
        stop, top = _STOP[self.isa], STACK_TOP[self.isa]
        first, last = min(image.chunks), max(s + len(c) for s, c in image.chunks.items())
        self.allow(first & -PAGE_BYTES, last - (first & -PAGE_BYTES) + PAGE_BYTES)
        self.allow(top - STACK_BYTES, STACK_BYTES)
        self.allow(stop - PAGE_BYTES, 2 * PAGE_BYTES)  # a translator looks around
        # Per-CPU variables of x86; and fields of what boot would have allocated, which are zero.
        self.allow(0, LOW_BYTES)
        for start, chunk in image.chunks.items():
            self.write(start, bytes(chunk))

    def _make(self) -> Any:
        if self.isa == "x86_64":
            uc = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
        else:
            uc = unicorn.Uc(unicorn.UC_ARCH_ARM64, unicorn.UC_MODE_ARM)
            uc.ctl_set_cpu_model(arm64_const.UC_CPU_ARM64_MAX)
        uc.ctl_set_tlb_mode(unicorn.UC_TLB_VIRTUAL)
        uc.hook_add(unicorn.UC_HOOK_TLB_FILL, self._fill)
        uc.mem_map(0, PHYSICAL_BYTES)
        stop = _STOP[self.isa]
        uc.hook_add(unicorn.UC_HOOK_CODE, lambda at, *_: at.emu_stop(), begin=stop, end=stop)
        if self.isa == "arm64":
            uc.reg_write(arm64_const.UC_ARM64_REG_TPIDR_EL1, 0)
            # TCR_EL1 of 48-bit addresses (T0SZ and T1SZ): the kernel reads it back.
            register = (2, 0, 3, 0, 2, 16 | 16 << 16)
            uc.reg_write(arm64_const.UC_ARM64_REG_CP_REG, register)
        return uc

    def _fill(self, _uc: Any, address: int, _access: int, result: Any, _data: Any) -> bool:
        page = address & -PAGE_BYTES
        if not any(start <= page < end for start, end in self._allowed):
            return False
        result.paddr = self._frame(page) + address - page
        result.perms = unicorn.UC_PROT_ALL
        return True

    def _frame(self, page: int) -> int:
        frame = self._physical.get(page)
        if frame is None:
            frame = self._physical[page] = len(self._pages) * PAGE_BYTES
            self._pages.append(page)
        if frame >= PHYSICAL_BYTES:
            raise ConfigError.of("record", f"needs more than {PHYSICAL_BYTES >> 20} MiB of memory")
        return frame

    def _virtual(self, address: int) -> int:
        """Return the virtual address of an access; Unicorn gives hooks the physical one."""
        if address >= PHYSICAL_BYTES:
            return address
        return self._pages[address // PAGE_BYTES] + address % PAGE_BYTES

    def allow(self, start: int, size: int) -> None:
        """Let code access ``size`` bytes from ``start`` on; they read as zero until written."""
        self._allowed.append((start & -PAGE_BYTES, -(-(start + size) // PAGE_BYTES) * PAGE_BYTES))

    def write(self, address: int, data: bytes) -> None:
        """Store bytes, which may be code."""
        self._store(address, data)
        self._uc.ctl_flush_tb()

    def _store(self, address: int, data: bytes) -> None:
        for place, first, last in _pages(address, len(data)):
            frame = self._frame(place & -PAGE_BYTES)
            self._uc.mem_write(frame + place % PAGE_BYTES, data[first:last])

    def clear(self, address: int, size: int) -> None:
        """Set to zero those parts of a range that were written or read before."""
        zero = bytes(PAGE_BYTES)
        for page, frame in self._physical.items():
            if address <= page < address + size:
                self._uc.mem_write(frame, zero)

    def read(self, address: int, size: int) -> bytes:
        """Return bytes."""
        parts = [
            bytes(
                self._uc.mem_read(
                    self._frame(place & -PAGE_BYTES) + place % PAGE_BYTES, last - first
                )
            )
            for place, first, last in _pages(address, size)
        ]
        return b"".join(parts)

    def replace_unknown(self) -> None:
        """Replace TLB invalidations of a range by those of one page: Unicorn lacks the former."""
        if self.isa != "arm64":
            return
        for start, chunk in self.image.chunks.items():
            words = self.read(start, len(chunk) & -4)
            for offset in range(0, len(words), 4):
                word = int.from_bytes(words[offset : offset + 4], "little")
                if word & ~31 in _RANGE_TLBI:
                    self._replaced[start + offset] = words[offset : offset + 4]
                    self.write(start + offset, (word | _OF_ONE_PAGE).to_bytes(4, "little"))

    def read_code(self, address: int, size: int) -> bytes:
        """Return bytes of code as they were before ``replace_unknown`` changed them."""
        code = self.read(address, size)
        return self._replaced.get(address, code[:4]) + code[4:]

    def read_text(self, address: int) -> str:
        """Return the text before the first zero byte, at most 64 characters."""
        return self.read(address, 64).split(b"\0")[0].decode()

    def read_words(self, address: int, count: int) -> list[int]:
        """Return 64-bit words."""
        data = self.read(address, 8 * count)
        return [int.from_bytes(data[i : i + 8], "little") for i in range(0, 8 * count, 8)]

    def set_current(self, task: int) -> None:
        """Set the task that runs (``current``); on x86 the set-up writes it into a variable."""
        if self.isa == "arm64":
            self._uc.reg_write(arm64_const.UC_ARM64_REG_SP_EL0, task)

    def call(self, name: str, *arguments: int) -> int:
        """Call a function by name and return its result (64 bits, signed)."""
        return self._run(name, arguments)

    def record(self, name: str, *arguments: int) -> tuple[int, EmulatedCall]:
        """Call a function by name; return its result (64 bits, signed) and what it executed."""
        done = EmulatedCall()
        pcs, accesses, virtual = done.pcs, done.accesses, self._virtual
        special = self._special

        def on_code(uc: Any, pc: int, _size: int, _data: Any) -> None:
            """Note an instruction; of one that repeats itself only the first turn."""
            if special[pc] and not self._is_noted(uc, pc, done):
                return
            pcs.append(pc)

        def on_access(_uc: Any, access: int, address: int, size: int, _v: int, _d: Any) -> None:
            """Note what the last instruction reads or writes."""
            writes = access in (unicorn.UC_MEM_WRITE, unicorn.UC_MEM_WRITE_PROT)
            accesses.append((len(pcs) - 1, virtual(address & _MASK), size, writes))

        self._uc.ctl_flush_tb()  # code translated before has no hooks in it
        hooks = [
            self._uc.hook_add(unicorn.UC_HOOK_CODE, on_code),
            self._uc.hook_add(unicorn.UC_HOOK_MEM_READ | unicorn.UC_HOOK_MEM_WRITE, on_access),
        ]
        try:
            result = self._run(name, arguments)
        finally:
            for hook in hooks:
                self._uc.hook_del(hook)
            self._uc.ctl_flush_tb()
        return result, done

    def _is_noted(self, uc: Any, pc: int, done: EmulatedCall) -> bool:
        """Tell whether a special instruction is to be noted; note what a prefetch asks for."""
        asked = self._prefetches.address(uc, pc)
        if asked is None:
            return not (done.pcs and done.pcs[-1] == pc and self._is_repeated(pc))
        done.accesses.append((len(done.pcs), asked, 1, False))
        return True

    def _is_repeated(self, pc: int) -> bool:
        """Tell whether an instruction is reported once per repetition though it is only one."""
        return self.isa == "x86_64" and _REPEATED.match(self.read(pc, _PREFIXED_BYTES)) is not None

    def _is_special(self, pc: int) -> bool:
        return self._is_repeated(pc) or self._prefetches.knows(pc)

    def _run(self, name: str, arguments: tuple[int, ...]) -> int:
        stop, top = _STOP[self.isa], STACK_TOP[self.isa] - 256
        for register, value in zip(_ARGUMENTS[self.isa], arguments, strict=False):
            self._uc.reg_write(register, value & _MASK)
        if self.isa == "x86_64":
            self._store(top - 8, stop.to_bytes(8, "little"))
            self._uc.reg_write(x86_const.UC_X86_REG_RSP, top - 8)
            counter = x86_const.UC_X86_REG_RIP
        else:
            self._uc.reg_write(arm64_const.UC_ARM64_REG_SP, top)
            self._uc.reg_write(arm64_const.UC_ARM64_REG_X30, stop)
            counter = arm64_const.UC_ARM64_REG_PC
        try:
            self._uc.emu_start(self.image.address(name), stop, count=_LIMIT)
        except unicorn.UcError as error:
            raise self._crash(name, self._uc.reg_read(counter), str(error)) from error
        at = self._uc.reg_read(counter) & _MASK
        if at != stop:
            raise self._crash(name, at, "does not end")
        value = int(self._uc.reg_read(_ARGUMENTS[self.isa][0] if self.isa == "arm64" else _RAX))
        return value - (1 << 64) if value >> 63 else value

    def _crash(self, name: str, at: int, why: str) -> Exception:
        at &= _MASK
        start = self.image.symbols.get(self.image.function_at(at))
        place = self.image.function_at(at) + (f"+{at - start.address:#x}" if start else "")
        if not self._is_allowed(at):
            found, code = why, "no code"
        else:
            begins = self.read(at, 8)
            bug = begins.startswith(_BUG[self.isa])
            found = "it reaches a BUG() or WARN(), a check that fails there" if bug else why
            code = begins.hex(" ")
        reason = f"cannot be run outside a kernel: {found}"
        return ConfigError.of(name, reason, got=f"{place}: {code}")

    def _is_allowed(self, address: int) -> bool:
        return any(start <= address < end for start, end in self._allowed)


_MASK: Final = (1 << 64) - 1
_BUG: Final = {"x86_64": b"\x0f\x0b", "arm64": b"\x00\x00\x21\xd4"}
"""What BUG() and WARN() are compiled to: ud2, and ``brk #0x800``."""
_RAX: Final = x86_const.UC_X86_REG_RAX
_REPEATED: Final = re.compile(
    rb"[\x26\x2e\x36\x3e\x64-\x67]*[\xf2\xf3][\x26\x2e\x36\x3e\x64-\x67]*[\x40-\x4f]?"
    rb"[\x6c-\x6f\xa4-\xa7\xaa-\xaf]",
    re.DOTALL,
)
"""The x86 instructions that are repeated as often as a register says, with their prefixes."""
_PREFIXED_BYTES: Final = 8


def _pages(address: int, size: int) -> Iterator[tuple[int, int, int]]:
    """Iterate over (address, first, last) of the parts of a range that lie in one page each."""
    done = 0
    while done < size:
        step = min(size - done, PAGE_BYTES - (address + done) % PAGE_BYTES)
        yield address + done, done, done + step
        done += step
