"""The event loop in SimPy: what a simulation says of the things that were shared in it."""

from __future__ import annotations

import numpy as np
import pytest

from costmodel.cpus import processes
from costmodel.cpus.ran import Ran
from costmodel.cpus.resources import Thing
from costmodel.cpus.world import World
from costmodel.simulation.schedule import Stage
from tests.cpus.made import XEON, made

MS = 1_000_000_000


def ran(delays_ps: dict[int, int], *, warm_up: int = 1) -> Ran:
    """Return forks of three processes of two threads each, which hold a lock from end to end."""
    setup = made(Stage(MS), machine=XEON, cpus=3, threads=2)
    quiet = np.zeros((2, len(setup.workers), 1), np.int64)
    return processes.run(World(setup), delays_ps, quiet, warm_up=warm_up, operations=4)


@pytest.mark.parametrize("order", [(1, 2, 3, 4, 5), (5, 4, 3, 2, 1)])
def test_locks_are_told_apart_by_their_process_whoever_comes_first(order: tuple[int, ...]) -> None:
    """Thread 3 alone does not run, so that the lock of process 1 has half of the visits."""
    usages = ran({cpu: place * MS // 9 for place, cpu in enumerate(order) if cpu != 3}).usages
    locks = [usages[Thing("mmap_lock", process, is_held=True)] for process in range(3)]
    assert locks[0].waited_ps > 0 and locks[2].waited_ps > 0
    assert locks[1].waited_ps == 0 < locks[1].busy_ps


def test_what_came_before_the_counted_time_is_not_in_it() -> None:
    alone, later = ran({}, warm_up=0), ran({}, warm_up=3)
    assert alone.operations == later.operations == 4
    assert alone.wall_ps == later.wall_ps == alone.elapsed_ps
    lock = Thing("mmap_lock", 0, is_held=True)
    assert alone.usages[lock].visits == later.usages[lock].visits == 4
