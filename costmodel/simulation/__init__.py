"""Turns the core's timing into times of whole operations, and simulates noise on a lone CPU.

Noise has four causes: the physical layout of a run, each iteration, timer ticks and VM steal.
Several CPUs are simulated in :mod:`costmodel.cpus`.
"""

from costmodel.simulation.engine import Engine, Samples, simulate
from costmodel.simulation.noise import NoiseCause, NoiseSizes, Stream

__all__ = [
    "Engine",
    "NoiseCause",
    "NoiseSizes",
    "Samples",
    "Stream",
    "simulate",
]
