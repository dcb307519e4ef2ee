"""What becomes of results: files, comparisons, tables (`text`) and pictures (`plots`)."""
