"""What every CPU does over and over, as arrays for :mod:`costmodel.cpus.compiled`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from costmodel.cpus import compiled
from costmodel.cpus.resources import Usage
from costmodel.cpus.segments import Segment
from costmodel.cpus.world import INTERRUPTED, World

INTERCONNECT = "interconnect"
_NO_NOISE = -1.0
"""Share of the work of a step that noise does not change."""


@dataclass(frozen=True)
class Ran:
    """What happened: the first CPU's times, and sums over the operations that lie in them.

    ``took_ps`` int64[operations]. ``operations`` lie in that time as a whole and took
    ``elapsed_ps`` together, ``finished`` ended in it; ``wall_ps`` is its length.
    """

    took_ps: compiled.Ints
    operations: int
    elapsed_ps: int
    finished: int
    wall_ps: int
    extra_ps: Mapping[str, int]
    usages: Mapping[str, list[Usage]]


class _Step(NamedTuple):
    """One step; what the numbers mean depends on the kind, see :func:`compiled.run`."""

    kind: int
    amount_ps: int = 0
    rest_ps: int = 0
    stolen_ps: int = 0
    share: float = _NO_NOISE
    passed_ps: int = 0
    visits: float = 0.0
    name: str = ""


def run(
    world: World,
    delays_ps: Mapping[int, int],
    more: compiled.Ints,
    *,
    warm_up: int,
    operations: int,
) -> Ran:
    """Simulate CPUs that meet nowhere but at servers; the times are those of SimPy.

    ``delays_ps``: when each worker but the first begins; those that are not in it never do.
    ``more`` int64[workers, n]: what noise adds to the operations of each worker in turn.
    """
    setup, workers = world.setup, list(world.setup.workers)
    steps = list(_steps(world))
    names = list(dict.fromkeys(step.name for step in steps if step.name))
    visited = {name: [world.server(name, cpu) for cpu in workers] for name in names}
    servers = list({id(server): server for each in visited.values() for server in each}.values())
    numbers = {id(server): number for number, server in enumerate(servers)}
    where = np.zeros((len(steps), len(workers)), np.int64)
    for number, step in enumerate(steps):
        if step.name:
            where[number] = [numbers[id(server)] for server in visited[step.name]]
    causes = [*names, INTERRUPTED]
    took, sums = np.zeros(operations, np.int64), np.zeros(4, np.int64)
    extra, usage = np.zeros(len(causes), np.int64), np.zeros((len(servers), 3))
    compiled.run(
        np.array([step.kind for step in steps]),
        np.array([step.amount_ps for step in steps]),
        np.array([step.rest_ps for step in steps]),
        np.array([step.stolen_ps for step in steps]),
        np.array([step.share for step in steps]),
        np.array([step.passed_ps for step in steps]),
        np.array([step.visits for step in steps]),
        np.array([causes.index(step.name) if step.name else 0 for step in steps]),
        where,
        np.array([setup.socket(cpu) for cpu in workers]),
        np.array([(s.line_ps, s.far_line_ps, s.most_waiting) for s in servers], np.int64).reshape(
            -1, 3
        ),
        np.array([server.growth for server in servers], float),
        np.array([0, *(delays_ps.get(cpu, -1) for cpu in workers[1:])]),
        more,
        warm_up,
        len(names),
        took,
        extra,
        sums,
        usage,
    )
    for server, (visits, busy_ps, waited_ps) in zip(servers, usage.tolist(), strict=True):
        server.usage = Usage(visits, int(busy_ps), int(waited_ps))
    complete, elapsed_ps, finished, wall_ps = (int(each) for each in sums)
    return Ran(
        took_ps=took,
        operations=complete,
        elapsed_ps=elapsed_ps,
        finished=finished,
        wall_ps=wall_ps,
        extra_ps={cause: int(ps) for cause, ps in zip(causes, extra, strict=True) if ps},
        usages=world.usages(),
    )


def _steps(world: World) -> Iterator[_Step]:
    setup = world.setup
    passed_ps = 0
    for segment, share in zip(setup.operation, setup.shares_of_work, strict=True):
        passed_ps += segment.work_ps
        yield _Step(compiled.WORK, segment.work_ps, share=share, passed_ps=passed_ps)
        yield from _meetings(world, segment)
    yield _Step(compiled.OPERATION_END)
    for segment in setup.between:
        yield _Step(compiled.WORK, segment.work_ps)
        yield from _meetings(world, segment)


def _meetings(world: World, segment: Segment) -> Iterator[_Step]:
    for visit in segment.visits:
        yield _Step(compiled.VISIT, visit.held_ps, visits=visit.visits, name=visit.name)
    if not segment.broadcast_ps:
        return
    if not world.setup.shares(INTERCONNECT):
        yield _Step(compiled.PASS, segment.broadcast_ps)
        return
    turn = world.turn_of(segment)
    yield _Step(
        compiled.BROADCAST,
        turn.alone_ps,
        turn.service_ps,
        turn.stolen_ps,
        passed_ps=segment.broadcast_ps - turn.alone_ps,
        visits=1.0,
        name=INTERCONNECT,
    )
