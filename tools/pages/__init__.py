"""Writes the generated pages and schemas of docs/, for ``make docs``."""
