"""Finds operations by name; those of the package are loaded when they are first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from costmodel.operations.protocol import Operation

_BUILT_IN: Final = ("fork", "zap", "mprotect", "mremap", "spawn")
"""Folders beside this file, in the order in which users see them; each exports ``OPERATION``."""
DEFAULT: Final = _BUILT_IN[0]
"""The operation that is meant where none is named."""

_added: Final[dict[str, Operation]] = {}


def operation_names() -> tuple[str, ...]:
    """Return the names of all operations, those of the package first, ``fork`` before all."""
    return (*_BUILT_IN, *_added)


def operation_named(name: str) -> Operation:
    """Return the operation called ``name``, loaded if needed; raise KeyError if there is none."""
    if name in _BUILT_IN:
        found: Operation = import_module(f"costmodel.operations.{name}").OPERATION
        return found
    return _added[name]


def register(operation: Operation) -> None:
    """Make an operation known under its name, until the process ends or it is unregistered.

    Raises ValueError where there is an operation of this name already.
    """
    if operation.name in operation_names():
        raise ValueError(f"'operation' must have a new name (got {operation.name!r})")
    _added[operation.name] = operation


def unregister(name: str) -> None:
    """Forget an operation that was registered. Raises KeyError for any other name."""
    del _added[name]
