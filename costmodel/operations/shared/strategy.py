"""What a strategy is: a function over page tables, and the recorded programs behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from costmodel.code.events import Step
from costmodel.code.uops import Uop
from costmodel.mm.violations import DirtyRule
from costmodel.user_code.blame import StrategyError

if TYPE_CHECKING:
    from pathlib import Path

    from costmodel.user_code.process import UserCode

T = TypeVar("T")

Function = Callable[[Any], Iterator[Step | Uop]]
"""Walks the page tables of an operation and yields what is executed."""


@dataclass(frozen=True, eq=False)
class Strategy:
    """One way to do an operation.

    ``programs``: instruction set to the recorded program whose steps it executes (no entry: the
    strategy does not exist there). ``range_programs``: the same on CPUs with range TLB
    invalidation, where it differs. ``contpte``: its kernel uses the contiguous bit.
    ``release_programs``: the programs of what follows the loop, where an operation has such a part
    (zap releases pages; left out: those of the newest kernel). ``code``: a user's strategy, whose
    function may do anything and runs in a process of its own (``function`` is then
    :func:`elsewhere`); always call it through :meth:`evaluate`. ``build``: the build of
    ``programs``, where the name has one in it (see ``strategies.builds``). ``archive``: the file of
    the recorded build that it is, or whose steps the user's function executes.
    """

    name: str
    summary: str
    function: Function
    operation: str = "fork"
    programs: Mapping[str, str] = field(default_factory=dict)
    range_programs: Mapping[str, str] = field(default_factory=dict)
    contpte: bool = False
    dirty: DirtyRule = DirtyRule.EXACT
    """How its kernel passes on the dirty bits of entries that it copies."""
    release_programs: Mapping[str, str] = field(default_factory=dict)
    code: UserCode | None = None
    archive: Path | None = None
    build: str = ""
    one_by_one: bool = False
    """Whether it handles entries one by one: what it executes on one hangs on the entry alone."""
    broken: str = ""
    """What it does wrong, where that is known: it is kept for what was published of it."""

    @property
    def is_build(self) -> bool:
        """Whether its name says which build it is: ``v6.7@gcc13``, or an archive."""
        return bool(self.build or self.archive)

    def evaluate(self, task: Callable[..., T], *arguments: Any) -> T:
        """Return ``task(function, *arguments)``, wherever the function runs.

        ``task`` is a function of a module; it, its arguments and its answer must be picklable.
        Raises ConfigError with the user's own file and line for whatever a user's function does
        wrong.
        """
        if self.code is None:
            return task(self.function, *arguments)
        return self.code.ask(task, *arguments)

    def blamed(self, error: StrategyError) -> Exception:
        """Return an error about what the strategy yielded as the user is told it."""
        return error if self.code is None else self.code.blamed(error)

    def program(self, isa: str, *, range_tlbi: bool) -> str:
        """Return the program for a CPU; KeyError when the strategy does not run on ``isa``."""
        return (self.range_programs if range_tlbi else {}).get(isa) or self.programs[isa]


def both(variant: str) -> dict[str, str]:
    """Return the programs of a variant recorded on arm64 (no contiguous bit) and x86-64."""
    return {"arm64": f"{variant}.arm64_nocontpte", "x86_64": f"{variant}.x86_64"}


def arm64(variant: str) -> dict[str, str]:
    """Return the program of a variant recorded on arm64 with the contiguous bit."""
    return {"arm64": f"{variant}.arm64_contpte"}


def elsewhere(_: object) -> Iterator[Step | Uop]:
    """Stand for a function that runs in another process."""
    raise TypeError("'function' must be called through Strategy.evaluate()")
