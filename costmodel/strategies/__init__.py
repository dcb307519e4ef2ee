"""Finds strategies by name, file or archive, and the kernel builds that they were recorded of.

A strategy is one way to do a page-table operation, written as the kernel loop that it stands for.
What users write one with is in :mod:`costmodel.strategies.fork`.
"""
