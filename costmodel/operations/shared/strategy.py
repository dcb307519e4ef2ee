"""The type of a strategy: a function over page tables, and the recorded programs behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeVar

from costmodel.config.errors import ConfigError
from costmodel.mm.violations import DirtyRule

if TYPE_CHECKING:
    from pathlib import Path

    from costmodel.code.events import Step
    from costmodel.code.uops import Uop
    from costmodel.user_code.blame import StrategyError
    from costmodel.user_code.process import UserCode

T = TypeVar("T")

Function = Callable[[Any], Iterator["Step | Uop"]]
"""The function of a strategy: it takes the operation (such as a ``ForkOperation``), changes its
page tables, and yields what is executed."""


_OPERATIONS: Final = __name__.rpartition(".shared.")[0]


@dataclass(frozen=True)
class ShippedFunction:
    """A function of this package by its path below ``costmodel.operations``.

    Its module is imported when the function is called: most questions are about names, or are
    answered from the store, and then no page table is needed.
    """

    path: str

    def __call__(self, operation: Any) -> Iterator[Step | Uop]:
        """Call the function with an operation."""
        module, _, name = self.path.rpartition(".")
        function: Function = getattr(import_module(f"{_OPERATIONS}.{module}"), name)
        return function(operation)


@dataclass(frozen=True, eq=False)
class Strategy:
    """One way to do an operation; two strategies are equal only if they are the same object.

    * ``programs`` maps the instruction set (``arm64``, ``x86_64``) to the name of the recorded
      program whose steps are executed. Without an entry the strategy does not exist there.
      ``range_programs`` holds those that differ on CPUs with range TLB invalidation.
      ``release_programs`` holds those of what follows the loop, where an operation has such a part
      (zap frees pages); the default are those of the newest kernel.
    * ``contpte``: its kernel uses the contiguous bit.
    * ``build``: the build of ``programs``, where the name contains one (see ``strategies.builds``).
    * ``archive``: the file of the recorded build that the strategy is, or whose steps the user's
      function executes.
    * ``code``: the user's code. It may do anything, so it runs in a process of its own, and
      ``function`` is :func:`elsewhere`; call the function through :meth:`evaluate` only.
    """

    name: str
    summary: str
    function: Function
    operation: str = "fork"
    programs: Mapping[str, str] = field(default_factory=dict)
    range_programs: Mapping[str, str] = field(default_factory=dict)
    contpte: bool = False
    dirty: DirtyRule = DirtyRule.EXACT
    """How its kernel passes on the dirty bits of the entries that it copies."""
    release_programs: Mapping[str, str] = field(default_factory=dict)
    frees_large_alone: bool = False
    """Whether the kernel of ``release_programs`` frees large folios one by one, not in batches."""
    code: UserCode | None = None
    archive: Path | None = None
    build: str = ""
    one_by_one: bool = False
    """Whether it handles entries one by one: what it executes depends on each entry alone."""
    broken: str = ""
    """What it is known to do wrong; empty for correct ones. Broken ones are kept because something
    was published of them."""

    @property
    def is_build(self) -> bool:
        """Whether its name says which build it is: ``v6.7@gcc13``, or ``@NAME`` for an archive."""
        return bool(self.build or self.archive)

    @property
    def shipped_source(self) -> str | None:
        """Which function of this package it is: one that does the same in every process.

        None for users' code, for that of other packages, and for a build from a user's file.
        """
        if self.archive is not None or not isinstance(self.function, ShippedFunction):
            return None
        return f"{self.operation} {self.function.path}"

    def evaluate(self, task: Callable[..., T], *arguments: Any) -> T:
        """Return ``task(function, *arguments)``, in the user's process where it is the user's code.

        ``task`` must be a function of a module; its arguments and its answer must be picklable.
        Raises ConfigError, with the user's own file and line, for whatever a user's function does
        wrong.
        """
        if self.code is None:
            return task(self.function, *arguments)
        return self.code.ask(task, *arguments)

    def blamed(self, error: StrategyError) -> Exception:
        """Return the exception to raise for an error in what the strategy yielded.

        For a user's strategy it is a ConfigError with the file and line of the yield, for a
        recorded build one with its name.
        """
        if self.code is not None:
            return self.code.blamed(error)
        if self.archive is not None:
            return ConfigError.of(self.name, error.reason, got=error.got)
        return error

    def program(self, isa: str, *, range_tlbi: bool) -> str:
        """Return the name of the recorded program for a CPU.

        ``range_tlbi``: the CPU invalidates a range of translations by one instruction. Raises
        KeyError where the strategy does not exist on ``isa``.
        """
        return (self.range_programs if range_tlbi else {}).get(isa) or self.programs[isa]


def both(variant: str) -> dict[str, str]:
    """Return the programs of a variant recorded on arm64 (no contiguous bit) and x86-64."""
    return {"arm64": f"{variant}.arm64_nocontpte", "x86_64": f"{variant}.x86_64"}


def arm64(variant: str) -> dict[str, str]:
    """Return the program of a variant recorded on arm64 with the contiguous bit."""
    return {"arm64": f"{variant}.arm64_contpte"}


def elsewhere(_: object) -> Iterator[Step | Uop]:
    """Stand for a function that runs in another process; raise TypeError when it is called here."""
    raise TypeError("'function' must be called through Strategy.evaluate()")
