"""Converts what every CPU does over and over into arrays for :mod:`costmodel.cpus.compiled`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from costmodel.cpus import compiled
from costmodel.cpus.ran import Ran
from costmodel.cpus.resources import Server, Usage
from costmodel.cpus.segments import Segment
from costmodel.cpus.world import INTERRUPTED, World

INTERCONNECT = "interconnect"
_NO_NOISE = -1.0
"""The share of a step whose work noise does not change."""


class _Step(NamedTuple):
    """One step; :class:`costmodel.cpus.compiled.Steps` says what the numbers mean."""

    kind: int
    amount_ps: int = 0
    service_ps: int = 0
    after_ps: int = 0
    stolen_ps: int = 0
    passed_ps: int = 0
    share: float = _NO_NOISE
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
    """Do what :func:`costmodel.cpus.processes.run` does, in compiled code.

    The CPUs must wait for each other at servers only, not for locks or answers to interrupts.
    """
    setup, workers = world.setup, list(world.setup.workers)
    steps = list(_steps(world))
    names = list(dict.fromkeys(step.name for step in steps if step.name))
    causes = [*names, INTERRUPTED]
    visited = {name: [world.server(name, cpu) for cpu in workers] for name in names}
    servers = list({id(server): server for each in visited.values() for server in each}.values())
    seen = _idle(servers, len(workers))
    sockets = np.array([setup.socket(cpu) for cpu in workers])
    counted = compiled.Counted(*(np.zeros(n, np.int64) for n in (operations, len(causes), 4)))
    compiled.run(
        _arrays(steps, causes, _places(steps, visited, servers)),
        seen,
        compiled.Cpus.at_the_start(sockets, len(causes), warm_up),
        _events(workers, delays_ps),
        more,
        counted,
    )
    usages = zip(seen.visited.tolist(), seen.busy.tolist(), seen.waited.tolist(), strict=True)
    for server, usage in zip(servers, usages, strict=True):
        server.usage = Usage(*usage)
    complete, elapsed_ps, finished, wall_ps = counted.sums.tolist()
    return Ran(
        took_ps=counted.took,
        operations=complete,
        elapsed_ps=elapsed_ps,
        finished=finished,
        wall_ps=wall_ps,
        extra_ps={c: ps for c, ps in zip(causes, counted.extra.tolist(), strict=True) if ps},
        usages=world.usages(),
    )


def _arrays(
    steps: Sequence[_Step], causes: Sequence[str], servers: compiled.Ints
) -> compiled.Steps:
    return compiled.Steps(
        kinds=np.array([step.kind for step in steps]),
        amounts=np.array([step.amount_ps for step in steps]),
        services=np.array([step.service_ps for step in steps]),
        afters=np.array([step.after_ps for step in steps]),
        stolen=np.array([step.stolen_ps for step in steps]),
        passed=np.array([step.passed_ps for step in steps]),
        shares=np.array([step.share for step in steps]),
        visits=np.array([step.visits for step in steps]),
        causes=np.array([causes.index(step.name) if step.name else 0 for step in steps]),
        servers=servers,
    )


def _places(
    steps: Sequence[_Step], visited: Mapping[str, Sequence[Server]], servers: Sequence[Server]
) -> compiled.Ints:
    """Return the number of the server that each CPU goes to in each step, int64[steps, CPUs]."""
    numbers = {id(server): number for number, server in enumerate(servers)}
    found = np.zeros((len(steps), max(map(len, visited.values()), default=0)), np.int64)
    for number, step in enumerate(steps):
        if step.name:
            found[number] = [numbers[id(server)] for server in visited[step.name]]
    return found


def _idle(servers: Sequence[Server], cpus: int) -> compiled.Servers:
    lines = [(server.line_ps, server.far_line_ps, server.most_waiting) for server in servers]
    growth = np.array([server.growth for server in servers], float)
    return compiled.Servers.idle(np.array(lines, np.int64).reshape(-1, 3), growth, cpus)


def _events(workers: Sequence[int], delays_ps: Mapping[int, int]) -> compiled.Events:
    """Return the first events in SimPy's order: the first CPU begins at once, before all others."""
    times = np.array([delays_ps.get(cpu, 0) for cpu in workers])
    late = [place for place, cpu in enumerate(workers) if cpu in delays_ps]
    late.sort(key=lambda place: (times[place], place))
    return compiled.Events(times, np.arange(len(workers)), np.array([0, *late]))


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
        held_ps = visit.held_ps
        yield _Step(compiled.VISIT, held_ps, held_ps, visits=visit.visits, name=visit.name)
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
        after_ps=segment.broadcast_ps - turn.alone_ps,
        stolen_ps=turn.stolen_ps,
        visits=1.0,
        name=INTERCONNECT,
    )
