"""Predict what a change to the kernel's page-table copy loop costs on machines you do not have."""

__version__ = "0.1.0"
