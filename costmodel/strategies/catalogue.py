"""The built-in strategies of each operation, by name."""

from __future__ import annotations

from collections.abc import Mapping

from costmodel.operations.registry import DEFAULT, operation_named
from costmodel.operations.shared.strategy import Strategy


def built_in(operation: str = DEFAULT) -> Mapping[str, Strategy]:
    """Return the built-in strategies of an operation by name, the default baseline first.

    Each stands for one posting or one release of the kernel. Raises KeyError for an unknown
    operation.
    """
    return {strategy.name: strategy for strategy in operation_named(operation).strategies()}
