"""Turns a kernel build tree into recordings: the object's own code, executed without a kernel."""
