"""Strategies: ways to do a page-table operation, written as the kernel loops they stand for."""
