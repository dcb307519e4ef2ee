"""The execution ports of the reference core."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping
from typing import Any

import simpy

from costmodel.cpu.micro_op import MicroOp

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
        self.waiting: dict[int, tuple[Mapping[int, int], int, simpy.Event]] = {}
        self.left: dict[int, int] = {}
        self.arbitrating = False

    def start(self, micro_op: MicroOp, needs: Mapping[int, int], keeps: int) -> Timed:
        """Wait until all needed ports were had for ``keeps`` ticks, and return the start.

        A start is known so much later. Nothing depends on it earlier as long as no latency is
        shorter.
        """
        granted = self.env.event()
        self.waiting[micro_op.number] = needs, keeps, granted
        self.left[micro_op.number] = keeps
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
                needs, keeps, granted = self.waiting[number]
                if all(used[group] + n <= self.counts[group] for group, n in needs.items()):
                    used.update(needs)
                    self.left[number] -= 1
                    if not self.left[number]:
                        del self.waiting[number], self.left[number]
                        granted.succeed(tick + 1 - keeps)
            yield self.env.timeout(1 - ARBITRATION)
        self.arbitrating = False
