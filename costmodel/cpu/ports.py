"""The execution ports of the reference core."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping
from typing import Any

import simpy

from costmodel.cpu.micro_op import MicroOp
from costmodel.units import TICKS_PER_CYCLE

Steps = Generator[simpy.Event, Any, None]
Timed = Generator[simpy.Event, Any, int]
ARBITRATION = 0.5
"""The part of a tick after which ports are given out, when all that is ready is known."""


class Ports:
    """The ports of each group; in every tick the oldest micro-ops that wait have them."""

    def __init__(self, env: simpy.Environment, counts: Mapping[int, int]) -> None:
        """Create ports; ``counts`` is how many each group has."""
        self.env = env
        self.counts = counts
        self.waiting: dict[int, tuple[Mapping[int, int], simpy.Event]] = {}
        self.left: dict[int, int] = {}
        self.arbitrating = False

    def start(self, micro_op: MicroOp, needs: Mapping[int, int]) -> Timed:
        """Wait until all needed ports were had for a cycle, and return the start.

        A start is known a cycle later. Nothing depends on it earlier as long as every latency is at
        least a cycle.
        """
        granted = self.env.event()
        self.waiting[micro_op.number] = needs, granted
        self.left[micro_op.number] = TICKS_PER_CYCLE
        if not self.arbitrating:
            self.arbitrating = True
            self.env.process(self._arbitrate())
        start: int = yield granted
        return start

    def _arbitrate(self) -> Steps:
        while self.waiting:
            tick = int(self.env.now)
            yield self.env.timeout(ARBITRATION)
            used: Counter[int] = Counter()
            for number in sorted(self.waiting):
                needs, granted = self.waiting[number]
                if all(used[group] + n <= self.counts[group] for group, n in needs.items()):
                    used.update(needs)
                    self.left[number] -= 1
                    if not self.left[number]:
                        del self.waiting[number], self.left[number]
                        granted.succeed(tick + 1 - TICKS_PER_CYCLE)
            yield self.env.timeout(1 - ARBITRATION)
        self.arbitrating = False
