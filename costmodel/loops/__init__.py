"""Small loops of instructions: predicts their time, to be compared with measurements of hardware.

They test a machine file against a stopwatch, llvm-mca or uops.info, one mechanism of the core at a
time, while a page-table operation mixes all of them.
"""
