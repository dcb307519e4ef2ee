"""Simulates several CPUs at once: each executes segments of the priced operation and shares things.

A lone CPU is not simulated here, as its time has a closed form. Nothing in this package knows
micro-ops; a segment is as long as some page tables.
"""
