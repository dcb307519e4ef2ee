"""Recorded micro-op streams of booted kernels, in the project's compact form."""

from costmodel.recorder.archive import RecordedProgram, Recording, load_program, recorded_names

__all__ = ["RecordedProgram", "Recording", "load_program", "recorded_names"]
