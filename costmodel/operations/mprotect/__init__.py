"""Changing of the protection of mapped pages in ``mprotect()``."""

from costmodel.operations.mprotect.operation import OPERATION

__all__ = ["OPERATION"]
