"""What nobody would write on purpose: damaged files, signals at any moment.

`make test` runs a few of each, `make hostile` thousands.
"""
