"""The operations that can be recorded: what is linked for each, what is called, what is checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from costmodel.checking.check import CheckReport
from costmodel.config.errors import ConfigError
from costmodel.emulation.guarantees import check_kernel
from costmodel.emulation.guarantees_mprotect import WRITE_PROTECT, check_mprotect
from costmodel.emulation.guarantees_zap import check_unmap
from costmodel.emulation.kernel import EmulatedKernel, Process
from costmodel.emulation.run import EmulatedRun
from costmodel.emulation.scenes import Scene
from costmodel.emulation.tree import MEMORY
from costmodel.emulation.zap import SOURCES, STATES, unmap
from costmodel.operations.mprotect.operation import (
    TO_READ_ONLY,
    TO_WRITABLE,
    TO_WRITE_PROTECTED,
    TO_WRITE_RESOLVED,
)


@dataclass(frozen=True)
class EmulatedOperation:
    """An operation as recorded kernels do it.

    ``recorded``: the object file that holds the loop, and ``entries``: its functions, of which one
    is called. ``linked``: other object files of the tree that it calls. ``setups``: further C files
    of the set-up, besides setup.c. ``states``: the states that one process goes through, in order;
    ``optional`` those that follow where the kernel has a function, by its name.
    ``lay``: makes the process of a scene. ``execute``: performs the operation in a state, given a
    scene and its process. ``check``: checks what must hold afterwards. ``sources``: source files of
    the tree that are compiled in if one of their functions is called.
    """

    name: str
    recorded: str
    entries: tuple[str, ...]
    states: tuple[str, ...]
    execute: Callable[[EmulatedKernel, Scene, Process, str], EmulatedRun]
    check: Callable[[EmulatedKernel, str], CheckReport]
    lay: Callable[[Scene, EmulatedKernel], Process] = Scene.lay
    optional: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    linked: tuple[str, ...] = ()
    setups: tuple[str, ...] = ()
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def states_in(self, kernel: EmulatedKernel) -> tuple[str, ...]:
        """Return the states that a kernel can be recorded in."""
        further = (states for name, states in self.optional.items() if name in kernel.image.symbols)
        return self.states + sum(further, ())


def _fork(kernel: EmulatedKernel, _: Scene, parent: Process, _state: str) -> EmulatedRun:
    child = kernel.process(parent.pages)
    result, done = kernel.emulator.record("cm_fork", child.vma, parent.vma)
    if result:
        raise ConfigError.of("copy_page_range", "fails in the emulator", got=str(result))
    return EmulatedRun(done, child, (kernel.lock(parent, 0), kernel.lock(child, 0)))


def _protect(kernel: EmulatedKernel, _: Scene, process: Process, state: str) -> EmulatedRun:
    tracked = state in (TO_WRITE_PROTECTED.name, TO_WRITE_RESOLVED.name)
    asked = state in (TO_WRITABLE.name, TO_WRITE_PROTECTED.name)
    function = WRITE_PROTECT if tracked else "cm_protect"
    pages, done = kernel.emulator.record(function, process.vma, int(asked))
    if pages != process.pages:
        reason = f"must change {process.pages} entries in the emulator"
        raise ConfigError.of("change_protection", reason, got=str(pages))
    return EmulatedRun(done, process, (kernel.lock(process, 0),))


OPERATIONS: Final[Mapping[str, EmulatedOperation]] = {
    known.name: known
    for known in (
        EmulatedOperation("fork", MEMORY, ("copy_page_range",), ("rw", "ro"), _fork, check_kernel),
        EmulatedOperation(
            "mprotect",
            "mm/mprotect.o",
            ("change_protection",),
            (TO_READ_ONLY.name, TO_WRITABLE.name),
            _protect,
            check_mprotect,
            optional={WRITE_PROTECT: (TO_WRITE_PROTECTED.name, TO_WRITE_RESOLVED.name)},
            linked=(MEMORY,),
            setups=("mprotect.c",),
        ),
        EmulatedOperation(
            "zap",
            MEMORY,
            ("unmap_page_range", "zap_vma_range_batched"),
            STATES,
            unmap,
            check_unmap,
            setups=("zap.c",),
            sources=SOURCES,
        ),
    )
}
"""The operations by name. Of fork's states, ``rw`` is the first fork of written memory and ``ro``
the fork after that."""
