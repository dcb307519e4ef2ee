"""Runs a strategy over page tables and writes down the micro-ops it stands for."""

from costmodel.tracing.runs import trace_runs

__all__ = ["trace_runs"]
