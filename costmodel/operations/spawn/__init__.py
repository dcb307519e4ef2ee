"""The whole life of a process: fork, perhaps exec, exit and wait."""

from costmodel.operations.spawn.operation import OPERATION

__all__ = ["OPERATION"]
