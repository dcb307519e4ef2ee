"""Compile assembly in memory and make it callable."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

_TEMPLATE = """\
define i64 @{name}() naked noinline align 64 {{
  call void asm sideeffect "{text}", ""()
  unreachable
}}
"""


def ir_of(name: str, text: str) -> str:
    """Return assembly as LLVM IR: a naked function of one inline statement.

    The function takes its arguments as the platform's C functions do and must return by itself.
    """
    return _TEMPLATE.format(name=name, text="".join(map(_escaped, text)))


END = 0xC0570DE1_5EA1ED0D
"""Stands behind code that is taken out of memory."""


class Assembler:
    """Turns texts into functions that live as long as this object.

    Text that cannot be assembled may end the process: use it where that is one line to a user.
    """

    def __init__(self) -> None:
        """Set LLVM up for the CPU of this process."""
        import llvmlite.binding as llvm

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        llvm.initialize_native_asmparser()
        self._llvm = llvm
        self._target = llvm.Target.from_default_triple()
        self._engines: list[Any] = []

    def function(self, name: str, text: str, *, arguments: int) -> Callable[..., int]:
        """Return a text as a function of so many 64-bit integers that returns one."""
        return self.from_ir(name, ir_of(name, text), arguments=arguments)

    def code(self, name: str, text: str) -> bytes:
        """Return the machine code of a position-independent text."""
        marked = f"{text}.balign 8\n.quad {END:#x}\n"
        start = self.address(name, ir_of(name, marked))
        size = 0
        while ctypes.c_uint64.from_address(start + size).value != END:
            size += 8
        return ctypes.string_at(start, size)

    def from_ir(self, name: str, ir: str, *, arguments: int) -> Callable[..., int]:
        """Return a function of LLVM IR as one of so many 64-bit integers that returns one."""
        address = self.address(name, ir)
        kind = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * arguments)
        return kind(address)

    def address(self, name: str, ir: str) -> int:
        """Return where the compiled function of that name lies."""
        module = self._llvm.parse_assembly(ir)
        module.verify()
        machine = self._target.create_target_machine(opt=2, cpu=self._llvm.get_host_cpu_name())
        engine = self._llvm.create_mcjit_compiler(module, machine)
        engine.finalize_object()
        self._engines.append(engine)
        found: int = engine.get_function_address(name)
        return found


def _escaped(character: str) -> str:
    """Return a character as it stands in an LLVM inline statement."""
    if character == "$":
        return "$$"
    if character in '"\\\n\t' or not character.isprintable():
        return f"\\{ord(character):02X}"
    return character
