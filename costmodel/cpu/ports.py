"""The execution ports of the reference core."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping
from typing import Any

import simpy

from costmodel.cpu.micro_op import MicroOp
from costmodel.cpu.parameters import TICKS_PER_CYCLE

Steps = Generator[simpy.Event, Any, None]
Timed = Generator[simpy.Event, Any, int]
ARBITRATION = 0.5
"""How many ticks before the end of a cycle ports are given out, when all that is ready is known."""


class Ports:
    """The ports of each group; of the micro-ops that are ready in a cycle, the oldest start."""

    def __init__(self, env: simpy.Environment, counts: Mapping[int, int]) -> None:
        """Create ports; ``counts`` is how many starts per cycle each group allows."""
        self.env = env
        self.counts = counts
        self.waiting: dict[int, tuple[int, Mapping[int, int], simpy.Event]] = {}
        self.arbitrating = False

    def start(self, micro_op: MicroOp, needs: Mapping[int, int]) -> Timed:
        """Wait for a cycle in which all needed ports are free, and return the start.

        A start is known at the end of its cycle, before anything can depend on it.
        """
        granted = self.env.event()
        self.waiting[micro_op.number] = int(self.env.now), needs, granted
        if not self.arbitrating:
            self.arbitrating = True
            self.env.process(self._arbitrate())
        start: int = yield granted
        return start

    def _arbitrate(self) -> Steps:
        while self.waiting:
            begins = int(self.env.now) // TICKS_PER_CYCLE * TICKS_PER_CYCLE
            yield self.env.timeout(begins + TICKS_PER_CYCLE - ARBITRATION - self.env.now)
            used: Counter[int] = Counter()
            for number in sorted(self.waiting):
                ready, needs, granted = self.waiting[number]
                if all(used[group] + n <= self.counts[group] for group, n in needs.items()):
                    used.update(needs)
                    del self.waiting[number]
                    granted.succeed(ready + begins - ready // TICKS_PER_CYCLE * TICKS_PER_CYCLE)
            if self.waiting:
                yield self.env.timeout(ARBITRATION)
        self.arbitrating = False
