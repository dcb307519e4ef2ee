"""What a machine instruction is made of: micro-ops, with the registers they read and write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FLAGS: Final = "flags"
LOADED: Final = "%loaded"
"""Carries what a memory operand holds from an instruction's load to its arithmetic."""
COMPUTED: Final = "%computed"
"""Carries the result of the arithmetic to the instruction's store."""


class UnknownInstructionError(Exception):
    """An instruction that the rules do not know; the text is its disassembly."""


@dataclass(frozen=True)
class Micro:
    """One micro-op of an instruction.

    ``address``: registers that its address is computed from. ``data``: registers it reads else.
    ``reads_flags``: it waits for the flags. ``writes``: registers that later micro-ops get from it.
    ``access``: ``r``, ``w`` or ``rw`` where it touches memory; ``p`` where it asks for a line and
    reads nothing of it.
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
