"""The event loop of several CPUs in compiled code: what SimPy does, event by event.

Every CPU executes the same steps over and over. The times are those of
:mod:`costmodel.cpus.processes` to the picosecond, which tests compare.
"""
