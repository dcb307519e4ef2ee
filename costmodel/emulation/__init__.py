"""Turns a kernel build tree into recordings: runs the code of its object files in an emulator,
without booting the kernel."""
