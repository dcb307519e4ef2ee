"""Recorded micro-op streams of booted kernels, in the project's compact form."""

from costmodel.recorder.archive import Program, Recording, load_program, program_names

__all__ = ["Program", "Recording", "load_program", "program_names"]
