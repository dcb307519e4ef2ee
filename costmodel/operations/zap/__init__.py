"""Unmapping of page tables in ``munmap()``, ``MADV_DONTNEED`` and process exit."""

from costmodel.operations.zap.operation import OPERATION

__all__ = ["OPERATION"]
