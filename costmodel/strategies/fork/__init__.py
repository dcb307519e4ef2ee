"""Ways to copy page tables in ``fork()``."""
