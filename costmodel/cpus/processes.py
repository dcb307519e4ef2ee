"""The loops of all CPUs as SimPy processes, wherever they meet: the compiled one is held to it."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import simpy
from numpy.typing import NDArray

from costmodel.cpus.ran import Ran
from costmodel.cpus.resources import Events, Usage
from costmodel.cpus.world import CrowdCpu, World


@dataclass
class _Counted:
    """Sums over the operations that count."""

    counting: bool = False
    """Whether those of now do: the first CPU is warm."""
    operations: int = 0
    elapsed_ps: int = 0
    finished: int = 0
    rounds: int = 0
    rounds_ps: int = 0
    ended_ps: dict[int, int] = field(default_factory=dict)
    """When each CPU ended its last operation."""
    extra_ps: dict[str, int] = field(default_factory=dict)

    def operation(self, cpu: CrowdCpu, more_ps: int) -> Generator[simpy.Event, Any, int]:
        """Execute an operation and return its time; count it if it lies in the counted time."""
        began, here = int(cpu.env.now), self.counting
        before = dict(cpu.extra_ps)
        yield from cpu.operate(more_ps)
        now = int(cpu.env.now)
        took_ps, before_ps = now - began, self.ended_ps.get(cpu.number)
        self.ended_ps[cpu.number] = now
        self.finished += self.counting
        if self.counting and before_ps is not None:
            self.rounds += 1
            self.rounds_ps += now - before_ps
        if here:
            self.operations += 1
            self.elapsed_ps += took_ps
            for cause, ps in cpu.extra_ps.items():
                change = ps - before.get(cause, 0)
                self.extra_ps[cause] = self.extra_ps.get(cause, 0) + change
        return took_ps


def run(
    world: World,
    delays_ps: Mapping[int, int],
    more: NDArray[np.int64],
    *,
    warm_up: int,
    operations: int,
) -> Ran:
    """Simulate until the first CPU has done ``warm_up`` and then ``operations`` operations.

    ``delays_ps``: when each worker but the first begins; those that are not in it never do.
    ``more`` int64[2, workers, n]: what noise adds to the operations of each worker in turn, and by
    how much that differs which lies behind them; of the first one the last of these are the
    warm-up's.
    """
    workers = world.setup.workers
    counted = _Counted()
    changes = dict(zip(workers, zip(*more.tolist(), strict=True), strict=True))

    def loop(cpu: CrowdCpu, delay_ps: int) -> Events:
        """Begin late and go on for ever."""
        yield cpu.env.timeout(delay_ps)
        (noise, between), number = changes[cpu.number], 0
        while True:
            yield from counted.operation(cpu, noise[number % len(noise)])
            yield from cpu.between(between[number % len(between)])
            number += 1

    def first(cpu: CrowdCpu) -> Generator[simpy.Event, Any, Ran]:
        """Warm up, then let all CPUs count for as long as some operations take."""
        (noise, between), took_ps, since_ps = changes[cpu.number], [], 0
        before = world.usages()
        for number in range(-warm_up, operations):
            if number == 0:
                counted.counting, since_ps = True, int(cpu.env.now)
                before = {thing: replace(usage) for thing, usage in world.usages().items()}
            took_ps.append((yield from counted.operation(cpu, noise[number % len(noise)])))
            yield from cpu.between(between[number % len(between)])
        return Ran(
            took_ps=np.array(took_ps[warm_up:], np.int64),
            operations=counted.operations,
            elapsed_ps=counted.elapsed_ps,
            finished=counted.finished,
            rounds=counted.rounds,
            rounds_ps=counted.rounds_ps,
            wall_ps=int(cpu.env.now) - since_ps,
            extra_ps=counted.extra_ps,
            usages={
                thing: usage - before.get(thing, Usage()) for thing, usage in world.usages().items()
            },
        )

    for number, delay_ps in delays_ps.items():
        world.env.process(loop(CrowdCpu(world, number), delay_ps))
    done = world.env.process(first(CrowdCpu(world, workers[0])))
    ran = world.env.run(until=done)
    assert isinstance(ran, Ran)  # SimPy does not say what a process returns
    return ran
