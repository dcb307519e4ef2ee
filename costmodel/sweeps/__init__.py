"""Sweeps: many cells whose numbers vary along axes; their results are kept in a folder.

A sweep that was stopped goes on from what its folder holds.
"""
