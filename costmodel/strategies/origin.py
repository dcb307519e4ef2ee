"""Which kernel build a user's strategy stands on: said by a decorator, or left at the default."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from costmodel.config.errors import describe
from costmodel.user_code.blame import StrategyError

F = TypeVar("F", bound=Callable[..., Any])

_ATTRIBUTE: Final = "costmodel_kernel"
DEFAULT_PROGRAM: Final = "v6.12.117"


@dataclass(frozen=True)
class KernelBuild:
    """A recorded program (``v6.12.117``, ``v6.7@gcc13``), and whether it uses contiguous blocks."""

    program: str = DEFAULT_PROGRAM
    contpte: bool = False


def built_on(program: str = DEFAULT_PROGRAM, *, contpte: bool = False) -> Callable[[F], F]:
    """Say which recorded program's steps a strategy executes: its source is what you changed.

    ``program`` is a variant such as ``v6.12.117``, ``v6.9`` or ``v4_before_change``
    (docs/recordings.md lists them), with another build of it as ``v6.7@gcc13``, or ``@NAME``, an
    archive of ``costmodel record`` (whose configuration says whether it uses the contiguous bit);
    ``contpte`` takes the arm64 build with that bit, which runs on arm64 alone.
    """

    if not isinstance(program, str):
        needed = '@k.built_on("v6.12.117"), or without it for that program'
        raise StrategyError(f"built_on: must name a program: {needed}", got=describe(program))
    if not isinstance(contpte, bool):
        raise StrategyError("built_on: contpte: must be True or False", got=describe(contpte))

    def mark(function: F) -> F:
        setattr(function, _ATTRIBUTE, KernelBuild(program, contpte))
        return function

    return mark


def kernel_of(function: Callable[..., Any]) -> KernelBuild:
    """Return what :func:`built_on` said about a function, or the default."""
    while isinstance(function, functools.partial) and not hasattr(function, _ATTRIBUTE):
        function = function.func
    kernel = getattr(function, _ATTRIBUTE, None)
    return kernel if isinstance(kernel, KernelBuild) else KernelBuild()
