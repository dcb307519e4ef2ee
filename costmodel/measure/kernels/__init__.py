"""Assembly texts: what is timed, and the driver that times it.

Every kernel is called as ``kernel(n, data, state)``: how often, on which memory, and a few words
where it goes on from call to call. It may use every register but the stack pointer and must
return with that one as it was; :mod:`costmodel.measure.kernels.driver` keeps all others.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from types import ModuleType
from typing import Protocol, cast

from costmodel.measure.kernels.loop_body import Instructions


class Isa(Protocol):
    """What a module of kernels offers."""

    NAME: str
    """As machine files call the instruction set."""
    CHAIN_ADDS: int
    """Cycles that the chain around each sample takes."""
    DRIVER: str
    """driver(kernel, n, data, state, samples, out)."""
    READ_STAMP: str
    """Returns the counter that stamps are read from."""
    KERNELS: Mapping[str, str]
    """Hand-written kernels by name."""
    BETWEEN_MISSES: Mapping[str, str]
    """What can stand between two misses: one instruction or jump of each kind, by name."""
    INSTRUCTIONS: Instructions
    """How loops are written."""

    def misses(self, between: str) -> str:
        """Return two chains over one ring, half of the region apart (its bit: word 1 of the state),
        with the same instructions behind each of their loads; they may call the function 5."""


def isa_here() -> Isa | None:
    """Return the kernels of this machine's instruction set; None where there are none."""
    from costmodel.measure.kernels import arm64, x86_64

    modules: dict[str, ModuleType] = {
        "x86_64": x86_64,
        "amd64": x86_64,
        "aarch64": arm64,
        "arm64": arm64,
    }
    return cast("Isa | None", modules.get(platform.machine().lower()))
