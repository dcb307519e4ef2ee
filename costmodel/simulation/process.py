"""The operation of a lone CPU as a SimPy process: work that timer ticks and VM steal interrupt.

The clock counts integer picoseconds. This is the slow twin of
:mod:`costmodel.simulation.engine`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import simpy

from costmodel.simulation.schedule import Schedule, scale

Events = Generator[simpy.Event, Any, None]


@dataclass(frozen=True)
class Disturbance:
    """The noise of one iteration on one CPU: see :class:`costmodel.simulation.noise.RunNoise`.

    ``steals`` are pairs of the work done before a steal and its duration, both in picoseconds and
    in order of time.
    """

    factor: float = 1.0
    tick_period_ps: int = 0
    tick_phase_ps: int = 0
    tick_ps: int = 0
    steals: Sequence[tuple[int, int]] = ()


QUIET = Disturbance()
"""No noise at all."""


@dataclass
class Cpu:
    """One CPU that works on an operation and is interrupted by ticks."""

    env: simpy.Environment
    schedule: Schedule
    disturbance: Disturbance = QUIET
    finished_ps: int = 0
    _work_ps: int = 0
    _pending_ticks: deque[int] = field(default_factory=deque)
    _steals: deque[tuple[int, int]] = field(default_factory=deque)
    _worker: simpy.Process | None = None
    _interruptible: bool = False

    def operation(self) -> Events:
        """Execute the operation once; ``finished_ps`` tells when it was done."""
        self._worker = self.env.active_process
        self._work_ps = 0
        self._pending_ticks.clear()
        self._steals = deque(self.disturbance.steals)
        ticks = self.env.process(self._timer())
        layout_done, scaled_done = 0, 0
        for stage in self.schedule.stages:
            for _ in range(stage.count):
                # Boundaries are scaled, not durations, so that rounding cannot pile up.
                layout_done += stage.layout_ps
                boundary = int(scale(layout_done, self.disturbance.factor))
                yield from self._work(boundary - scaled_done)
                scaled_done = boundary
                if stage.broadcast_ps:
                    yield from self._broadcast(stage.broadcast_ps)
        yield from self._serve_ticks(finishing=True)
        self.finished_ps = int(self.env.now)
        self._worker = None
        if ticks.is_alive:
            ticks.interrupt()

    def _timer(self) -> Events:
        if not self.disturbance.tick_period_ps:
            return
        try:
            yield self.env.timeout(self.disturbance.tick_phase_ps)
            while True:
                self._pending_ticks.append(int(self.env.now))
                if self._interruptible and self._worker is not None:
                    self._interruptible = False
                    self._worker.interrupt()
                yield self.env.timeout(self.disturbance.tick_period_ps)
        except simpy.Interrupt:
            return

    def _work(self, duration_ps: int) -> Events:
        """Compute for ``duration_ps``, giving way to ticks and steals."""
        target = self._work_ps + duration_ps
        yield from self._serve_steals()
        while self._work_ps < target:
            yield from self._serve_ticks()
            stop = min(target, self._steals[0][0]) if self._steals else target
            yield from self._run_until(stop)
            yield from self._serve_steals()

    def _run_until(self, work_ps: int) -> Events:
        start = int(self.env.now)
        self._interruptible = True
        try:
            yield self.env.timeout(work_ps - self._work_ps)
        except simpy.Interrupt:
            pass
        finally:
            self._interruptible = False
        self._work_ps += int(self.env.now) - start

    def _broadcast(self, duration_ps: int) -> Events:
        """Send invalidations and wait until every CPU has seen them; a DSB is not interrupted."""
        yield self.env.timeout(duration_ps)
        self._work_ps += duration_ps
        yield from self._serve_steals()

    def _serve_steals(self) -> Events:
        while self._steals and self._steals[0][0] <= self._work_ps:
            yield self.env.timeout(self._steals.popleft()[1])

    def _serve_ticks(self, *, finishing: bool = False) -> Events:
        while self._pending_ticks:
            # Once the work is done, a tick that falls at this very moment comes too late.
            if finishing and self._pending_ticks[0] >= self.env.now:
                return
            self._pending_ticks.popleft()
            yield self.env.timeout(self.disturbance.tick_ps)


def run_once(schedule: Schedule, disturbance: Disturbance = QUIET) -> int:
    """Return how long the operation takes on a lone CPU, in picoseconds."""
    env = simpy.Environment()
    cpu = Cpu(env, schedule, disturbance)
    env.run(until=env.process(cpu.operation()))
    return cpu.finished_ps
