"""Causes, in CPI stacks, of the time that the page tables themselves take."""

TABLE_ALLOC = "table_alloc"
"""The part of allocating a page table that the recorded instructions do not show."""
TABLE_FREE = "table_free"
"""The freeing of empty page tables."""
