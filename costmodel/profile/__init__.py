"""Profiles of real jobs, as perf prints them, and what they say of the kernel's loops."""
