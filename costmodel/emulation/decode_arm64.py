"""Splits arm64 instructions into micro-ops; docs/recordings.md has the rules in words."""

from __future__ import annotations

import re
from typing import Any, Final

import capstone
from capstone import arm64 as cs

from costmodel.emulation.micro import FLAGS, Micro, UnknownInstructionError, branch_micro, distinct
from costmodel.emulation.prefetches import PREFETCHES

_LOADS: Final = {
    "ldr", "ldrb", "ldrh", "ldrsb", "ldrsh", "ldrsw", "ldur", "ldurb", "ldurh", "ldursb", "ldursh",
    "ldursw", "ldar", "ldarb", "ldarh", "ldapr", "ldaprb", "ldaprh", "ldtr",
}  # fmt: skip
_STORES: Final = {
    "str", "strb", "strh", "stur", "sturb", "sturh", "stlr", "stlrb", "stlrh", "sttr",
}  # fmt: skip
_COMPARES: Final = {"cmp", "cmn", "tst"}
_FLAG_SETTERS: Final = {"adds", "subs", "ands", "bics", "negs"}
_FLAG_ADDERS: Final = {"adc", "sbc"}
_SELECTS: Final = {"csel", "csinc", "csinv", "csneg", "cset", "csetm", "cinc", "cinv", "cneg"}
_CONDITIONAL_COMPARES: Final = {"ccmp", "ccmn"}
_PLAIN: Final = {
    "add", "sub", "and", "orr", "eor", "bic", "orn", "eon", "mvn", "neg", "lsl", "lsr", "asr",
    "ror", "lslv", "lsrv", "asrv", "ubfx", "sbfx", "ubfiz", "sbfiz", "ubfm", "sbfm", "uxtb", "uxth",
    "uxtw", "sxtb", "sxth", "sxtw", "clz", "cls", "rbit", "rev", "rev16", "rev32", "rev64", "extr",
    "xpaclri", "xpaci", "xpacd",
}  # fmt: skip
_KEEPS_OLD: Final = {"movk", "bfi", "bfxil", "bfm", "bfc"}
_MULTIPLIES: Final = {
    "mul", "mneg", "madd", "msub", "smull", "umull", "smulh", "umulh", "smaddl", "umaddl",
    "smsubl", "umsubl",
}  # fmt: skip
_STORE_ATOMIC: Final = re.compile(r"st(add|clr|set|eor|smax|smin|umax|umin)l?[bh]?$")
_LOAD_ATOMIC: Final = re.compile(r"(ld(add|clr|set|eor|smax|smin|umax|umin)|swp)a?l?[bh]?$")
_COMPARE_SWAP: Final = re.compile(r"casa?l?[bh]?$")
_LOAD_EXCLUSIVE: Final = re.compile(r"lda?xr[bh]?$")
_STORE_EXCLUSIVE: Final = re.compile(r"stl?xr[bh]?$")
_HINTS: Final = {
    "paciasp", "autiasp", "pacibsp", "autibsp", "paciaz", "autiaz", "bti", "yield", "sevl", "csdb",
    "esb", "dgh", "hint", "chkfeat",
}  # fmt: skip
_ZERO: Final = {"xzr", "wzr"}


class Arm64Decoder:
    """Decodes the code of arm64 kernels."""

    def __init__(self) -> None:
        """Set the disassembler up."""
        self._capstone = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)
        self._capstone.detail = True

    def decode(self, code: bytes, address: int) -> tuple[int, tuple[Micro, ...]]:
        """Return the length of the instruction at ``address`` and its micro-ops.

        Raises UnknownInstructionError for one that the rules do not know.
        """
        insn = next(self._capstone.disasm(code[:4], address, 1), None)
        if insn is None:
            raise UnknownInstructionError("no instruction")
        return 4, tuple(self._micros(insn))

    def _micros(self, insn: Any) -> list[Micro]:
        name, operands = insn.mnemonic, insn.operands
        registers = [self._name(o.reg) for o in operands if o.type == cs.ARM64_OP_REG]
        for rule in (_control, _special, _atomic, self._exclusive, self._memory, _arithmetic):
            found = rule(name, insn, registers)
            if found is not None:
                return found
        raise UnknownInstructionError(f"{name} {insn.op_str}".strip())

    def _memory(self, name: str, insn: Any, registers: list[str]) -> list[Micro] | None:
        load = name in _LOADS or name in ("ldp", "ldpsw", "ldnp")
        store = name in _STORES or name in ("stp", "stnp")
        prefetch = name in PREFETCHES["arm64"]
        if not (load or store or prefetch):
            return None
        memory = next((o.mem for o in insn.operands if o.type == cs.ARM64_OP_MEM), None)
        if prefetch:
            if memory is None:  # code ahead: nothing that the loop reads
                return [Micro("nop", name)]
            address = distinct(self._name(memory.base), self._name(memory.index))
            return [Micro("load", "prfm", address, access="p")]
        if memory is None:  # relative to the instruction
            return [Micro("load", "ldr", (), (), False, distinct(*registers[:1]), "r")]
        base = self._name(memory.base)
        address = distinct(base, self._name(memory.index))
        op = re.sub(r"^(ld|st)ur", r"\1r", name)
        rows = []
        if load:
            rows.append(Micro("load", op, address, (), False, distinct(*registers), "r"))
        else:
            rows.append(Micro("store", op, address, distinct(*registers), access="w"))
        if insn.writeback:
            rows.append(Micro("alu", "addr_wb", (), distinct(base), writes=(base,)))
        return rows

    def _exclusive(self, name: str, insn: Any, registers: list[str]) -> list[Micro] | None:
        """Split LL/SC: a load, and a store that says whether it took place."""
        load = _LOAD_EXCLUSIVE.match(name)
        if not load and not _STORE_EXCLUSIVE.match(name):
            return None
        memory = next(o.mem for o in insn.operands if o.type == cs.ARM64_OP_MEM)
        address = distinct(self._name(memory.base))
        if load:
            return [Micro("load", name, address, (), False, distinct(*registers), "r")]
        status, *data = registers
        return [Micro("store", name, address, distinct(*data), False, distinct(status), "w")]

    def _name(self, register: int) -> str:
        """Return the 64-bit register that a register is part of; empty for none and for zero."""
        if not register:
            return ""
        name = str(self._capstone.reg_name(register))
        if name in _ZERO:
            return ""
        name = {"wsp": "sp", "fp": "x29", "lr": "x30"}.get(name, name)
        return "x" + name[1:] if name[0] == "w" and name[1:].isdigit() else name


def _control(name: str, insn: Any, registers: list[str]) -> list[Micro] | None:
    """Branches, jumps, calls and returns."""
    if name.startswith("b."):
        return [branch_micro("b_" + {"cs": "hs", "cc": "lo"}.get(name[2:], name[2:]), flags=True)]
    if name in ("cbz", "cbnz", "tbz", "tbnz"):
        return [branch_micro(name, *distinct(*registers[:1]))]
    if name == "b":
        return [Micro("jump", "b")]
    if name == "bl":
        return [Micro("call", "bl", writes=("x30",))]
    if name in ("blr", "blraa", "blraaz"):
        return [Micro("call", "blr", data=distinct(*registers[:1]), writes=("x30",))]
    if name in ("br", "braa"):
        return [Micro("jump", "br", data=distinct(*registers[:1]))]
    if name in ("ret", "retaa", "retab"):
        return [Micro("ret", "ret", data=distinct(*(registers or ["x30"])))]
    return None


def _special(name: str, insn: Any, registers: list[str]) -> list[Micro] | None:
    """What orders, hints or talks to the system."""
    text = insn.op_str.lower().replace("#", "")
    last = text.split(",")[-1].strip()
    if name == "nop":
        return [Micro("nop", "nop")]
    if name in _HINTS:
        return [Micro("nop", f"hint_{name}")]
    if name in ("dsb", "dmb"):
        return [Micro(name, f"{name}_{text}")]
    if name == "isb":
        return [Micro("isb", "isb")]
    if name == "clrex":
        return [Micro("nop", "clrex")]
    if name == "mrs":
        return [Micro("system", f"mrs_{last}", writes=distinct(*registers[:1]))]
    if name == "msr":
        return [Micro("system", f"msr_{text.split(',')[0]}", data=distinct(*registers[-1:]))]
    if name == "tlbi":
        return [Micro("tlbi", f"tlbi_{text.split(',')[0]}", data=distinct(*registers[-1:]))]
    if name == "dc" and text.startswith("zva"):
        return [Micro("zero", "dc_zva", distinct(*registers[-1:]), access="w")]
    return None


def _atomic(name: str, insn: Any, registers: list[str]) -> list[Micro] | None:
    """LSE atomics; those that store alone give no result."""
    kind = next(
        (k for k, form in (("st", _STORE_ATOMIC), ("ld", _LOAD_ATOMIC), ("cas", _COMPARE_SWAP))
         if form.match(name)), None,
    )  # fmt: skip
    if kind is None:
        return None
    base = str(insn.reg_name(next(o.mem.base for o in insn.operands if o.type == cs.ARM64_OP_MEM)))
    address = distinct("sp" if base == "sp" else base)
    if kind == "cas":
        return [
            Micro(
                "rmw", name, address, distinct(*registers[:2]), False, distinct(registers[0]), "rw"
            )
        ]
    data, results = distinct(registers[0]), distinct(*registers[1:2])
    if kind == "ld" and not results:  # the result goes to the zero register
        name = name.replace("ld", "st", 1) if name.startswith("ld") else name
    return [Micro("rmw", name, address, data, False, results, "rw")]


def _arithmetic(name: str, insn: Any, registers: list[str]) -> list[Micro] | None:
    result, inputs = registers[:1], registers[1:]
    if name in ("adrp", "adr"):
        return [Micro("alu", "adrp", writes=distinct(*result))]
    if name in ("mov", "movz", "movn"):
        if (len(insn.operands) > 1 and insn.operands[1].type == cs.ARM64_OP_IMM) or not any(inputs):
            return [Micro("alu", "mov_imm", writes=distinct(*result))]
        return [Micro("alu", "mov", data=distinct(*inputs), writes=distinct(*result))]
    if name in _COMPARES:
        return [Micro("alu", name, data=distinct(*registers), writes=(FLAGS,))]
    if name in _CONDITIONAL_COMPARES:
        return [Micro("alu", name, data=distinct(*registers), reads_flags=True, writes=(FLAGS,))]
    if name in _FLAG_SETTERS:
        return [Micro("alu", name, data=distinct(*inputs), writes=distinct(*result, FLAGS))]
    if name in _SELECTS or name in _FLAG_ADDERS:
        return [Micro("alu", name, (), distinct(*inputs), True, distinct(*result))]
    if name in _KEEPS_OLD:
        return [Micro("alu", name, data=distinct(*registers), writes=distinct(*result))]
    if name in _PLAIN:
        return [Micro("alu", name, data=distinct(*inputs), writes=distinct(*result))]
    if name in _MULTIPLIES:
        return [Micro("mul", name, data=distinct(*inputs), writes=distinct(*result))]
    return None
