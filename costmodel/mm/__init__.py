"""The functional model of memory management: page tables, folios and TLBs without any times.

Strategies run on it. It tells whether they do the right thing, and which events they yield.
"""
