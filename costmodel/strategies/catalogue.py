"""All built-in strategies by operation and name."""

from __future__ import annotations

from collections.abc import Mapping

from costmodel.operations.registry import DEFAULT, operation_named
from costmodel.operations.shared.strategy import Strategy


def built_in(operation: str = DEFAULT) -> Mapping[str, Strategy]:
    """Return the strategies of an operation by name: a name stands for one posting.

    Raises KeyError where there is no such operation.
    """
    return {strategy.name: strategy for strategy in operation_named(operation).strategies()}
