"""Measure the machine one sits at: its numbers for a machine file, and what they are worth.

Kernels are fixed assembly, compiled in memory by llvmlite and run in a child process
(:mod:`costmodel.measure.kernels`, :mod:`costmodel.measure.worker`). What they took becomes numbers
(:mod:`costmodel.measure.readings`), these a machine file (:mod:`costmodel.measure.machine_text`),
and page-table operations of the same machine say whether to trust it
(:mod:`costmodel.measure.operations`).
"""
