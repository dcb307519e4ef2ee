"""Recorded kernel steps: what a compiled kernel executes from one page-table event to the next."""
