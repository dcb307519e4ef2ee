"""Ways to unmap page tables in ``munmap()``, ``MADV_DONTNEED`` and process exit."""
