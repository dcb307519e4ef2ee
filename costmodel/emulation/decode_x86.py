"""Splits x86-64 instructions into micro-ops; docs/recordings.md has the rules in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import capstone
from capstone import x86 as cs

from costmodel.emulation.micro import (
    COMPUTED,
    FLAGS,
    LOADED,
    Micro,
    UnknownInstructionError,
    branch_micro,
    distinct,
)
from costmodel.emulation.prefetches import PREFETCHES

_ALU2: Final = {"add", "sub", "and", "or", "xor", "adc", "sbb", "shl", "shr", "sar", "rol", "ror"}
_BIT_WRITES: Final = {"bts", "btr", "btc"}
_COMPARES: Final = {"cmp", "test", "bt"}
_UNARY: Final = {"inc", "dec", "neg", "not"}
_COUNTS: Final = {"tzcnt", "lzcnt", "popcnt", "bsf", "bsr"}
_MOVES: Final = {"mov", "movabs", "movzx", "movsx", "movsxd"}
_WIDENS: Final = {"cdqe": "rax", "cwde": "rax", "cqo": "rdx", "cdq": "rdx"}
_READ_FLAGS: Final = {"adc", "sbb"}
_NO_FLAGS: Final = {"not", "bswap"}
_NOPS: Final = {"nop", "endbr64", "pause", "data16 nop"}
_SYSTEM: Final = {"cli", "sti", "pushfq", "popfq", "clac", "stac", "swapgs", "rdtsc"}
_FENCES: Final = {"mfence", "lfence", "sfence"}


class X86Decoder:
    """Decodes the code of x86-64 kernels."""

    def __init__(self) -> None:
        """Set the disassembler up."""
        self._capstone = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
        self._capstone.detail = True

    def decode(self, code: bytes, address: int) -> tuple[int, tuple[Micro, ...]]:
        """Return the length of the instruction at ``address`` and its micro-ops.

        Raises UnknownInstructionError for one that the rules do not know.
        """
        insn = next(self._capstone.disasm(code, address, 1), None)
        if insn is None:
            raise UnknownInstructionError("no instruction")
        return insn.size, tuple(_micros(insn))


def _micros(insn: Any) -> list[Micro]:
    name = insn.mnemonic.removeprefix("lock ").removeprefix("notrack ")
    operands = insn.operands
    for test, rule in _RULES:
        if test(name, insn, operands):
            return rule(name, insn, operands)
    raise UnknownInstructionError(f"{insn.mnemonic} {insn.op_str}")


_Rule = Callable[[str, Any, Any], list[Micro]]


def _is_locked(name: str, insn: Any, operands: Any) -> bool:
    return insn.mnemonic.startswith("lock ") or (name == "xchg" and any(map(_is_memory, operands)))


def _locked(name: str, _insn: Any, operands: Any) -> list[Micro]:
    memory = next(operand for operand in operands if _is_memory(operand))
    data = [_reg(operand) for operand in operands if operand.type == cs.X86_OP_REG]
    writes = [FLAGS]
    if name == "cmpxchg":
        data, writes = [*data, "rax"], ["rax", FLAGS]
    elif name in ("xadd", "xchg"):
        writes = [*data, FLAGS] if name == "xadd" else list(data)
    elif name in ("cmpxchg16b", "cmpxchg8b"):
        raise UnknownInstructionError(name)
    op = name if name == "xchg" else f"lock_{name}"
    return [Micro("rmw", op, _address(memory), distinct(*data), False, tuple(writes), "rw")]


def _swap_on_this_cpu(name: str, _insn: Any, operands: Any) -> list[Micro]:
    """A compare and swap, or an exchange and add, without a lock: this_cpu_cmpxchg() and others.

    The compare and swap takes a comparison and a choice between the old value and the new one.
    """
    target, source = operands
    if not _is_memory(target):
        raise UnknownInstructionError(f"{name} on a register")
    old = "rax" if name == "cmpxchg" else _reg(source)
    load = Micro("load", f"{name}_load", _address(target), writes=(LOADED,), access="r")
    data = distinct(LOADED, _reg(source))
    store = Micro("store", f"{name}_store", _address(target), (COMPUTED,), access="w")
    if name == "xadd":
        return [load, Micro("alu", "xadd", data=data, writes=(COMPUTED, old, FLAGS)), store]
    compare = Micro("alu", "cmp", data=distinct(LOADED, old), writes=(old, FLAGS))
    return [load, compare, Micro("alu", name, (), data, True, (COMPUTED,)), store]


def _nop(_name: str, _insn: Any, _operands: Any) -> list[Micro]:
    return [Micro("nop", "nop")]


def _prefetch(name: str, _insn: Any, operands: Any) -> list[Micro]:
    return [Micro("load", name, _address(operands[0]), access="p")]


def _system(name: str, _insn: Any, _operands: Any) -> list[Micro]:
    if name == "pushfq":
        return [
            Micro("system", "pushf", reads_flags=True, writes=(COMPUTED,)),
            Micro("store", "push", ("rsp",), (COMPUTED,), access="w"),
        ]
    if name == "popfq":
        load = Micro("load", "pop", ("rsp",), writes=(LOADED,), access="r")
        return [load, Micro("system", "popf", data=(LOADED,), writes=(FLAGS,))]
    return [Micro("system", name)]


def _fence(name: str, _insn: Any, _operands: Any) -> list[Micro]:
    return [Micro("dmb", name)]


def _jump(name: str, _insn: Any, operands: Any) -> list[Micro]:
    call = name == "call"
    target = operands[0]
    push = [Micro("store", "call_push", ("rsp",), access="w")] if call else []
    if target.type == cs.X86_OP_IMM:
        return [*push, Micro("call", "call") if call else Micro("jump", "jmp")]
    if target.type == cs.X86_OP_REG:
        return [*push, Micro(name if call else "jump", f"{name}_reg", data=(_reg(target),))]
    load = Micro("load", f"{name}_load", _address(target), writes=(LOADED,), access="r")
    return [load, *push, Micro("call" if call else "jump", f"{name}_mem", data=(LOADED,))]


def _ret(_name: str, _insn: Any, _operands: Any) -> list[Micro]:
    load = Micro("load", "ret_pop", ("rsp",), writes=(LOADED,), access="r")
    return [load, Micro("ret", "ret", data=(LOADED,))]


def _is_branch(name: str, insn: Any, _operands: Any) -> bool:
    return name.startswith("j") and name != "jmp"


def _branch(name: str, _insn: Any, _operands: Any) -> list[Micro]:
    if name in ("jrcxz", "jecxz"):
        return [branch_micro(name, "rcx")]
    return [branch_micro(name, flags=True)]


def _stack(name: str, _insn: Any, operands: Any) -> list[Micro]:
    operand = operands[0]
    if name == "push":
        before, data = _source(name, operand)
        return [*before, Micro("store", "push", ("rsp",), distinct(*data), access="w")]
    if _is_memory(operand):
        return [
            Micro("load", "pop", ("rsp",), writes=(LOADED,), access="r"),
            Micro("store", "pop_store", _address(operand), (LOADED,), access="w"),
        ]
    return [Micro("load", "pop", ("rsp",), writes=(_reg(operand),), access="r")]


def _leave(_name: str, _insn: Any, _operands: Any) -> list[Micro]:
    return [
        Micro("alu", "mov", data=("rbp",), writes=("rsp",)),
        Micro("load", "pop", ("rsp",), writes=("rbp",), access="r"),
    ]


def _move(name: str, _insn: Any, operands: Any) -> list[Micro]:
    target, source = operands
    if _is_memory(target):
        data = distinct(_reg(source)) if source.type == cs.X86_OP_REG else ()
        return [Micro("store", "mov", _address(target), data, access="w")]
    merged = (_reg(target),) if _merges(name, target) else ()
    name = "mov" if name == "movabs" else name
    if _is_memory(source):
        return [Micro("load", name, _address(source), merged, writes=(_reg(target),), access="r")]
    if source.type == cs.X86_OP_IMM:
        return [Micro("alu", "mov_imm", data=merged, writes=(_reg(target),))]
    return [Micro("alu", name, data=distinct(*merged, _reg(source)), writes=(_reg(target),))]


def _lea(_name: str, _insn: Any, operands: Any) -> list[Micro]:
    target, source = operands
    memory = source.mem
    op = "lea3" if memory.base and memory.index and memory.disp else "lea"
    return [Micro("alu", op, data=_address(source), writes=(_reg(target),))]


def _alu(name: str, _insn: Any, operands: Any) -> list[Micro]:
    """Arithmetic on a register or on memory, with the flags as a second result."""
    target = operands[0]
    flags = () if name in _NO_FLAGS else (FLAGS,)
    others = operands[1:]
    if name in ("xor", "sub") and _same_register(operands):
        return [Micro("alu", "zero_idiom", writes=(_reg(target), *flags))]
    before, first = _source(name, target)
    data = list(first)
    for operand in others:
        more, read = _source(name, operand)
        before += more
        data = [*read, *data] if more else [*data, *read]  # what was loaded stands first
    compare = name in _COMPARES
    memory = _is_memory(target)
    result = flags if compare else ((COMPUTED if memory else _reg(target)), *flags)
    kind = "mul" if name in ("imul", "mul") else "alu"
    rows = [*before, Micro(kind, name, (), distinct(*data), name in _READ_FLAGS, result)]
    if memory and not compare:
        rows.append(Micro("store", f"{name}_store", _address(target), (COMPUTED,), access="w"))
    return rows


def _multiply(name: str, insn: Any, operands: Any) -> list[Micro]:
    if len(operands) == 1 or name == "mul":
        before, data = _source(name, operands[0])
        return [
            *before,
            Micro("mul", name, (), distinct("rax", *data), writes=("rax", "rdx", FLAGS)),
        ]
    if len(operands) == 2:
        return _alu(name, insn, operands)
    before, data = _source(name, operands[1])
    return [*before, Micro("mul", name, (), distinct(*data), writes=(_reg(operands[0]), FLAGS))]


def _double_shift(name: str, _insn: Any, operands: Any) -> list[Micro]:
    if _is_memory(operands[0]):
        raise UnknownInstructionError(f"{name} on memory")
    data = distinct(*(_reg(o) for o in operands if o.type == cs.X86_OP_REG))
    return [Micro("alu", name, data=data, writes=(_reg(operands[0]), FLAGS))]


def _conditional_move(name: str, _insn: Any, operands: Any) -> list[Micro]:
    before, data = _source("cmov", operands[1])
    target = _reg(operands[0])
    return [*before, Micro("alu", "cmov", (), distinct(target, *data), True, (target,))]


def _set(_name: str, _insn: Any, operands: Any) -> list[Micro]:
    target = operands[0]
    if _is_memory(target):
        return [
            Micro("alu", "setcc", reads_flags=True, writes=(COMPUTED,)),
            Micro("store", "setcc_store", _address(target), (COMPUTED,), access="w"),
        ]
    return [Micro("alu", "setcc", (), (_reg(target),), True, (_reg(target),))]


def _widen(name: str, _insn: Any, _operands: Any) -> list[Micro]:
    return [Micro("alu", name, data=("rax",), writes=(_WIDENS[name],))]


def _count(name: str, _insn: Any, operands: Any) -> list[Micro]:
    before, data = _source(name, operands[1])
    old = (_reg(operands[0]),) if name in ("bsf", "bsr") else ()
    return [
        *before,
        Micro("alu", name, (), distinct(*data, *old), writes=(_reg(operands[0]), FLAGS)),
    ]


def _exchange(_name: str, _insn: Any, operands: Any) -> list[Micro]:
    first, second = map(_reg, operands)
    return [Micro("alu", "xchg", data=distinct(first, second), writes=(first, second))]


def _fill(name: str, _insn: Any, _operands: Any) -> list[Micro]:
    op = "rep_" + name.rsplit(maxsplit=1)[-1]
    return [Micro("zero", op, ("rdi",), ("rax", "rcx"), writes=("rdi", "rcx"), access="w")]


def _source(name: str, operand: Any) -> tuple[list[Micro], tuple[str, ...]]:
    """Return the load that an operand needs, if any, and what the arithmetic then reads."""
    if operand.type == cs.X86_OP_IMM:
        return [], ()
    if operand.type == cs.X86_OP_REG:
        return [], (_reg(operand),)
    load = Micro("load", f"{name}_load", _address(operand), writes=(LOADED,), access="r")
    return [load], (LOADED,)


def _is_memory(operand: Any) -> bool:
    return bool(operand.type == cs.X86_OP_MEM)


def _same_register(operands: Any) -> bool:
    return (
        len(operands) == 2
        and all(o.type == cs.X86_OP_REG for o in operands)
        and (operands[0].reg == operands[1].reg)
    )


def _merges(name: str, target: Any) -> bool:
    """Tell whether a result of 8 or 16 bits keeps the rest of its register."""
    return target.size < 4 and name in ("mov", "movzx", "movsx")


def _address(operand: Any) -> tuple[str, ...]:
    memory = operand.mem
    return distinct(_name(memory.base), _name(memory.index))


def _reg(operand: Any) -> str:
    return _name(operand.reg)


_WIDE: Final = dict(
    pair
    for letters in ("ax", "bx", "cx", "dx")
    for pair in (
        (letters, f"r{letters}"), (f"e{letters}", f"r{letters}"), (f"r{letters}", f"r{letters}"),
        (f"{letters[0]}l", f"r{letters}"), (f"{letters[0]}h", f"r{letters}"),
    )
) | dict(
    pair
    for letters in ("si", "di", "bp", "sp")
    for pair in (
        (letters, f"r{letters}"), (f"e{letters}", f"r{letters}"), (f"r{letters}", f"r{letters}"),
        (f"{letters}l", f"r{letters}"),
    )
)  # fmt: skip
_NAMES: Final = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)


def _name(register: int) -> str:
    """Return the 64-bit register that a register is part of, empty for none."""
    if register in (0, cs.X86_REG_RIP, cs.X86_REG_EIP, cs.X86_REG_RIZ):
        return ""
    name = str(_NAMES.reg_name(register))
    return _WIDE.get(name, name.rstrip("bwd") if name[:1] == "r" else name)


def _one_of(names: set[str] | dict[str, str]) -> Callable[[str, Any, Any], bool]:
    return lambda name, _insn, _operands: name in names


_RULES: Final[list[tuple[Callable[[str, Any, Any], bool], _Rule]]] = [
    (_is_locked, _locked),
    (lambda name, insn, ops: name in _NOPS or insn.mnemonic.endswith("nop"), _nop),
    (lambda name, insn, ops: name == "xchg" and _same_register(ops), _nop),
    (_one_of(set(PREFETCHES["x86_64"])), _prefetch),
    (_one_of(_SYSTEM), _system),
    (_one_of(_FENCES), _fence),
    (_one_of({"call", "jmp"}), _jump),
    (_one_of({"ret"}), _ret),
    (_is_branch, _branch),
    (_one_of({"push", "pop"}), _stack),
    (_one_of({"leave"}), _leave),
    (_one_of(_MOVES), _move),
    (_one_of({"lea"}), _lea),
    (_one_of({"imul", "mul"}), _multiply),
    (_one_of({"shld", "shrd"}), _double_shift),
    (_one_of(_ALU2 | _BIT_WRITES | _COMPARES | _UNARY | {"bswap"}), _alu),
    (lambda name, insn, ops: name.startswith("cmov"), _conditional_move),
    (lambda name, insn, ops: name.startswith("set"), _set),
    (_one_of(_WIDENS), _widen),
    (_one_of(_COUNTS), _count),
    (_one_of({"xchg"}), _exchange),
    (_one_of({"cmpxchg", "xadd"}), _swap_on_this_cpu),
    (_one_of({"rep stosb", "rep stosw", "rep stosd", "rep stosq"}), _fill),
]
