"""How the memory of a live process lies: folio orders, runs of frames, mappings."""
