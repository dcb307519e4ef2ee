"""Causes of the time that page tables themselves take, where operations share them."""

TABLE_ALLOC = "table_alloc"
"""What the recorded instructions of allocating a page table do not show."""
TABLE_FREE = "table_free"
"""The freeing of empty page tables."""
