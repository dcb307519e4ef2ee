"""Moving of mapped pages to another address in ``mremap()``."""

from costmodel.operations.mremap.operation import OPERATION

__all__ = ["OPERATION"]
