"""What happens around the copy loop: noise, timer ticks, VM steal, other CPUs, the interconnect."""

from costmodel.simulation.engine import Engine, Samples, simulate
from costmodel.simulation.noise import NoiseCause, NoiseSizes, Stream
from costmodel.simulation.schedule import Schedule, Stage

__all__ = [
    "Engine",
    "NoiseCause",
    "NoiseSizes",
    "Samples",
    "Schedule",
    "Stage",
    "Stream",
    "simulate",
]
