"""The operations that can be recorded: what is linked for each, what is called, what is checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from costmodel.checking.check import report_text
from costmodel.emulation.emulator import EmulatedCall
from costmodel.emulation.errors import refuse
from costmodel.emulation.guarantees import check_kernel
from costmodel.emulation.guarantees_mprotect import check_mprotect
from costmodel.emulation.kernel import SETUP, EmulatedKernel, Process
from costmodel.emulation.tree import MEMORY


@dataclass(frozen=True)
class EmulatedRun:
    """What one call of the kernel executed: ``process`` is the one whose table it wrote.

    ``locks``: addresses of the locks that it holds over a table.
    """

    done: EmulatedCall
    process: Process
    locks: tuple[int, ...]


@dataclass(frozen=True)
class Checked:
    """On how many layouts page state was checked, and the report of what was broken, if it was."""

    layouts: int
    broken: str = ""


@dataclass(frozen=True)
class EmulatedOperation:
    """An operation as recorded kernels do it.

    ``recorded``: the object that holds the loop. ``linked``: others of the tree that it calls.
    ``setups``: more of the set-up. ``states``: those that one process goes through, in order.
    ``execute``: does it in a state, given the process. ``check``: what must hold afterwards.
    ``is_cut``: recordings are cut into steps.
    """

    name: str
    recorded: str
    states: tuple[str, ...]
    execute: Callable[[EmulatedKernel, Process, str], EmulatedRun]
    check: Callable[[EmulatedKernel, str], Checked]
    linked: tuple[str, ...] = ()
    setups: tuple[Path, ...] = ()
    is_cut: bool = False


def _fork(kernel: EmulatedKernel, parent: Process, _state: str) -> EmulatedRun:
    child = kernel.process(parent.pages)
    result, done = kernel.emulator.record("cm_fork", child.vma, parent.vma)
    if result:
        raise refuse("copy_page_range", "fails in the emulator", got=str(result))
    return EmulatedRun(done, child, (kernel.lock(parent, 0), kernel.lock(child, 0)))


def _check_fork(kernel: EmulatedKernel, name: str) -> Checked:
    report = check_kernel(kernel, name)
    return Checked(report.layouts, "" if report.passed else report_text(report))


TO_READ_ONLY, TO_WRITABLE = "to-read-only", "to-writable"


def _protect(kernel: EmulatedKernel, process: Process, state: str) -> EmulatedRun:
    pages, done = kernel.emulator.record("cm_protect", process.vma, int(state == TO_WRITABLE))
    if pages != process.pages:
        reason = f"must change {process.pages} entries in the emulator"
        raise refuse("change_protection", reason, got=str(pages))
    return EmulatedRun(done, process, (kernel.lock(process, 0),))


def _check_mprotect(kernel: EmulatedKernel, name: str) -> Checked:
    return Checked(check_mprotect(kernel, name))


OPERATIONS: Final[Mapping[str, EmulatedOperation]] = {
    known.name: known
    for known in (
        EmulatedOperation("fork", MEMORY, ("rw", "ro"), _fork, _check_fork, is_cut=True),
        EmulatedOperation(
            "mprotect",
            "mm/mprotect.o",
            (TO_READ_ONLY, TO_WRITABLE),
            _protect,
            _check_mprotect,
            linked=(MEMORY,),
            setups=(SETUP.with_name("mprotect.c"),),
        ),
    )
}
"""By name; ``rw`` is the first fork of what was written, ``ro`` the fork after that."""
