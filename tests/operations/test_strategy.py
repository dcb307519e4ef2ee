"""What a strategy says about the function behind it."""

from __future__ import annotations

from importlib import import_module
from inspect import signature

import pytest

from costmodel.operations.registry import operation_named, operation_names
from costmodel.operations.shared.strategy import ShippedFunction


@pytest.mark.parametrize("operation", operation_names())
def test_the_functions_of_shipped_strategies_are_there(operation: str) -> None:
    for strategy in operation_named(operation).strategies():
        assert isinstance(strategy.function, ShippedFunction)
        module, _, name = strategy.function.path.rpartition(".")
        function = getattr(import_module(f"costmodel.operations.{module}"), name)
        signature(function).bind(object())
