"""How the memory of a running process is laid out: folio orders, runs of frames, mappings."""
