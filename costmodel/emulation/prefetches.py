"""Finds the addresses that prefetches ask for: the emulator ignores prefetches, a CPU does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import capstone
from unicorn import arm64_const, x86_const

from costmodel.emulation.lookup import Lookup

PREFETCHES: Final = {
    "x86_64": ("prefetchw", "prefetchwt1", "prefetcht0", "prefetcht1", "prefetcht2", "prefetchnta"),
    "arm64": ("prfm", "prfum"),
}
"""Mnemonics of instructions that ask for a line and give no result."""
_MASK: Final = (1 << 64) - 1
_LONGEST: Final = 15
"""Bytes of an instruction."""
_MODES: Final = {
    "x86_64": (capstone.CS_ARCH_X86, capstone.CS_MODE_64, capstone.x86.X86_OP_MEM),
    "arm64": (capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM, capstone.arm64.ARM64_OP_MEM),
}


class PrefetchInstructions:
    """The prefetches of an image; each instruction is decoded once."""

    def __init__(self, isa: str, read: Callable[[int, int], bytes]) -> None:
        """Set up for an ISA; ``read(address, size)`` returns code."""
        architecture, mode, self._memory = _MODES[isa]
        self._capstone = capstone.Cs(architecture, mode)
        self._capstone.detail = True
        self._isa, self._read = isa, read
        self._operands = Lookup(self._operand)

    def knows(self, pc: int) -> bool:
        """Tell whether the instruction at ``pc`` is a prefetch of an address."""
        return self._operands[pc] is not None

    def address(self, uc: Any, pc: int) -> int | None:
        """Return the address that the prefetch at ``pc`` asks for; None for other instructions.

        ``uc`` is the Unicorn engine, before it executes the instruction.
        """
        operand = self._operands[pc]
        if operand is None:
            return None
        memory = operand.mem
        base, index = (self._value(uc, register, pc) for register in (memory.base, memory.index))
        if self._isa == "x86_64":
            index *= memory.scale
        else:
            index <<= operand.shift.value
        return int(base + index + memory.disp) & _MASK

    def _operand(self, pc: int) -> Any:
        """Return the memory operand of a prefetch; None for what is none, or has no address."""
        insn = next(self._capstone.disasm(self._read(pc, _LONGEST), pc, 1), None)
        if insn is None or insn.mnemonic not in PREFETCHES[self._isa]:
            return None
        return next((each for each in insn.operands if each.type == self._memory), None)

    def _value(self, uc: Any, register: int, pc: int) -> int:
        """Return what a register holds; 0 for none."""
        if not register:
            return 0
        name = str(self._capstone.reg_name(register)).upper()
        if name in ("XZR", "WZR"):
            return 0
        if name == "RIP":
            return pc + int(next(self._capstone.disasm(self._read(pc, _LONGEST), pc, 1)).size)
        constants, prefix = (
            (x86_const, "UC_X86_REG_") if self._isa == "x86_64" else (arm64_const, "UC_ARM64_REG_")
        )
        return int(uc.reg_read(getattr(constants, prefix + name)))
