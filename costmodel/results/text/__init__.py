"""Tables and reports as plain text of at most 76 columns."""
