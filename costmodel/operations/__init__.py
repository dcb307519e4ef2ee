"""What the kernel does to page tables: one folder for each operation.

:mod:`costmodel.operations.protocol` says what an operation is,
:mod:`costmodel.operations.registry` finds them by name.
"""
