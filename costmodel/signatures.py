"""Signatures of public functions as ``help()`` shows them: one parameter per line."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, ParamSpec

P = ParamSpec("P")
_ONE_LINE = 60
"""A signature of at most so many characters stays on one line."""


class ReadableSignature(inspect.Signature):
    """A signature that prints as in the source: without quotes, in lines that fit."""

    def __str__(self) -> str:
        """Return the parameters in brackets, and what is returned."""
        parts, is_named = list[str](), False
        for parameter in self.parameters.values():
            if parameter.kind is parameter.KEYWORD_ONLY and not is_named:
                parts.append("*")
                is_named = True
            parts.append(_of_parameter(parameter))
        returned = f" -> {_annotation(self.return_annotation)}"
        short = f"({', '.join(parts)}){returned}"
        if len(short) <= _ONE_LINE:
            return short
        return "(\n" + "".join(f"    {part},\n" for part in parts) + ")" + returned


def make_readable(functions: Iterable[Callable[..., Any]]) -> None:
    """Let ``help()`` show the signatures of some functions in lines that fit."""
    for function in functions:
        known = inspect.signature(function)
        parameters = list(known.parameters.values())
        readable = ReadableSignature(parameters, return_annotation=known.return_annotation)
        vars(function)["__signature__"] = readable


def as_text(function: Callable[P, object], name: str) -> Callable[P, str]:
    """Return a function ``name`` of the same arguments, which returns the text of the result."""

    @wraps(function)
    def printed(*positional: P.args, **keywords: P.kwargs) -> str:
        return str(function(*positional, **keywords))

    printed.__name__ = printed.__qualname__ = name
    of = function.__name__
    printed.__doc__ = f"Return what ``print({of}(...))`` shows; arguments are those of ``{of}()``."
    printed.__annotations__ = {**function.__annotations__, "return": "str"}
    own = inspect.signature(function).replace(return_annotation="str")
    vars(printed)["__signature__"] = own  # else that of the function that is wrapped is shown
    return printed


def _of_parameter(parameter: inspect.Parameter) -> str:
    text = f"{parameter.name}: {_annotation(parameter.annotation)}"
    return text if parameter.default is parameter.empty else f"{text} = {parameter.default!r}"


def _annotation(annotation: object) -> str:
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
