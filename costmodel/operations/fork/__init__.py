"""Copying of page tables in ``fork()``."""

from costmodel.operations.fork.operation import OPERATION

__all__ = ["OPERATION"]
