"""Small loops of instructions: what the core makes of them, beside what hardware was measured at.

They hold a machine file against a stopwatch, llvm-mca or uops.info, one mechanism at a time, where
a page-table operation mixes all of them.
"""
