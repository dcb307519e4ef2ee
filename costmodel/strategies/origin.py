"""The decorator that says which kernel build a user's strategy is a change of."""

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
    """Return a decorator that names the recorded kernel which a strategy is a change of.

    The strategy executes the recorded instructions of this kernel behind its events. ``program`` is
    a variant such as ``v6.12.117``, ``v6.9`` or ``v4_before_change`` (docs/recordings.md lists
    them), with another build of it as ``v6.7@gcc13``, or ``@NAME``, an archive that ``costmodel
    record`` made. ``contpte=True`` takes the arm64 build that uses the contiguous bit; the strategy
    then runs on arm64 only. An archive decides that by itself. Without the decorator it is
    ``v6.12.117`` without the contiguous bit.

        @k.built_on("v6.9", contpte=True)
        def my_copy(fork):
            return k.contpte_v6_9(fork)

    Raises StrategyError for arguments of another type. A program that does not exist is reported
    when the strategy is used.
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
    """Return the kernel build that :func:`built_on` gave a function, or the default one."""
    while isinstance(function, functools.partial) and not hasattr(function, _ATTRIBUTE):
        function = function.func
    kernel = getattr(function, _ATTRIBUTE, None)
    return kernel if isinstance(kernel, KernelBuild) else KernelBuild()
