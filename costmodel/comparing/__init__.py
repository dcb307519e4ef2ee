"""Two result files, cell by cell: what changed, and what could not have."""
