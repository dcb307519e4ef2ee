"""Several CPUs at once: what they share, event by event over segments of the priced operation.

A lone CPU never comes here: its time has a closed form. Nothing of this package looks at a
micro-op; a segment is some page tables long.
"""
