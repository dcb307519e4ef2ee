"""Records how folios of files and of shared memory are unmapped."""
