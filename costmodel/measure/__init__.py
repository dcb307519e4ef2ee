"""Measure the machine that the program runs on: the numbers of a machine file, and how far
predictions made with them can be trusted.

Small loops of fixed assembly, called kernels here, are compiled in memory by llvmlite and run in a
child process (:mod:`costmodel.measure.kernels`, :mod:`costmodel.measure.worker`). Their times
become numbers (:mod:`costmodel.measure.readings`), and the numbers a machine file
(:mod:`costmodel.measure.machine_text`). Page-table operations are timed on the same machine and
compared with their predictions (:mod:`costmodel.measure.operations`).
"""
