"""The execution ports of the reference core."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import simpy

from costmodel.cpu.micro_op import MicroOp
from costmodel.cpu.parameters import TICKS_PER_CYCLE

Steps = Generator[simpy.Event, Any, None]
Timed = Generator[simpy.Event, Any, int]
ARBITRATION = 0.5
"""Within a tick, when everything that happens at its beginning has happened."""


class Ports:
    """Ports of one class: each cycle, the oldest of those that are ready start."""

    def __init__(self, env: simpy.Environment, count: int) -> None:
        """Make ``count`` ports."""
        self.env = env
        self.count = count
        self.ready: dict[int, simpy.Event] = {}
        self.arbitrating = False

    def start(self, micro_op: MicroOp) -> Steps:
        """Wait for the first cycle in which a port is free; resume half a tick into it."""
        yield self.env.timeout(-int(self.env.now) % TICKS_PER_CYCLE)
        granted = self.ready[micro_op.number] = self.env.event()
        if not self.arbitrating:
            self.arbitrating = True
            self.env.process(self._arbitrate())
        yield granted

    def _arbitrate(self) -> Steps:
        yield self.env.timeout(ARBITRATION)
        while self.ready:
            for number in sorted(self.ready)[: self.count]:
                self.ready.pop(number).succeed()
            yield self.env.timeout(TICKS_PER_CYCLE)
        self.arbitrating = False
