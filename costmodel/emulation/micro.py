"""The micro-ops that an instruction is split into, with the registers they read and write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FLAGS: Final = "flags"
LOADED: Final = "%loaded"
"""Pseudo-register that carries the loaded memory operand from the load of an instruction to its
arithmetic."""
COMPUTED: Final = "%computed"
"""Pseudo-register that carries the result of the arithmetic to the store of the instruction."""


class UnknownInstructionError(Exception):
    """An instruction that the rules do not know; the text is its disassembly."""


@dataclass(frozen=True)
class Micro:
    """One micro-op of an instruction.

    ``address``: registers that its address is computed from. ``data``: all other registers that it
    reads. ``reads_flags``: whether it waits for the flags. ``writes``: registers whose new value
    later micro-ops get from it. ``access``: ``r``, ``w`` or ``rw`` if it reads or writes memory,
    ``p`` if it prefetches a line, and empty otherwise.
    """

    kind: str
    op: str
    address: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    reads_flags: bool = False
    writes: tuple[str, ...] = ()
    access: str = ""


def branch_micro(op: str, *data: str, flags: bool = False) -> Micro:
    """Return a conditional branch."""
    return Micro("branch", op, data=data, reads_flags=flags)


def distinct(*registers: str) -> tuple[str, ...]:
    """Return registers without repetition, and without those that never wait (empty names)."""
    return tuple(dict.fromkeys(name for name in registers if name))
