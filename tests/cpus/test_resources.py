"""Servers and locks, against SimPy's own resource and the closed forms of queueing theory."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import simpy
from hypothesis import given
from hypothesis import strategies as st

from costmodel.cpus.resources import Events, ReadWriteLock, Server

NS = 1000


@given(
    arrivals=st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)), min_size=1, max_size=12)
)
def test_one_timeout_stands_for_request_service_and_release(
    arrivals: list[tuple[int, int]],
) -> None:
    def simpy_resource(env: simpy.Environment) -> Callable[[int], Events]:
        resource = simpy.Resource(env, capacity=1)

        def turn(service: int) -> Events:
            with resource.request() as request:
                yield request
                yield env.timeout(service)

        return turn

    def server(env: simpy.Environment) -> Callable[[int], Events]:
        one = Server(env)

        def turn(service: int) -> Events:
            yield env.timeout(one.visit(0, 0, service))

        return turn

    def ends(make: Callable[[simpy.Environment], Callable[[int], Events]]) -> list[int]:
        env = simpy.Environment()
        turn = make(env)
        left: list[int] = []

        def customer(at: int, service: int) -> Events:
            yield env.timeout(at)
            yield from turn(service)
            left.append(int(env.now))

        for at, service in arrivals:
            env.process(customer(at, service))
        env.run()
        return left

    assert ends(server) == ends(simpy_resource)


@pytest.mark.parametrize(
    ("load", "waits"), [(0.3, 0.214286), (0.5, 0.5), (0.7, 1.166667), (0.8, 2.0)]
)
def test_random_arrivals_wait_as_long_as_pollaczek_and_khinchine_say(
    load: float, waits: float
) -> None:
    """M/D/1 (Gross and Harris, Fundamentals of Queueing Theory)."""
    env = simpy.Environment()
    server = Server(env)
    random = np.random.default_rng(1)
    services, service = 60_000, 1000 * NS

    def arrivals() -> Events:
        for gap in random.exponential(service / load, services).tolist():
            yield env.timeout(round(gap))
            server.visit(0, 0, service)

    env.run(until=env.process(arrivals()))
    assert server.usage.waited_ps / services / service == pytest.approx(waits, rel=0.06)
    assert server.usage.busy_ps / int(env.now) == pytest.approx(load, rel=0.02)


def closed(customers: int, think: float, service: Callable[[], float], *, visits: int) -> float:
    """Return the utilisation of one server that customers visit after thinking."""
    env = simpy.Environment()
    server = Server(env)
    random = np.random.default_rng(2)

    def customer(number: int) -> Events:
        while True:
            yield env.timeout(round(random.exponential(think * NS)))
            yield env.timeout(server.visit(number, 0, round(service() * NS)))

    for number in range(customers):
        env.process(customer(number))

    env.run(until=round(visits * (think + 1) * NS))
    # Little: who waits is there for as long as he waited.
    return server.usage.busy_ps / int(env.now)


@pytest.mark.parametrize(
    ("customers", "busy"), [(1, 0.090909), (4, 0.357907), (8, 0.685317), (16, 0.995816)]
)
def test_closed_queue_with_fixed_service(customers: int, busy: float) -> None:
    """M/D/1//N (Palm, Takacs) with a think time of 10 services."""
    found = closed(customers, 10.0, lambda: 1.0, visits=4000)
    assert found == pytest.approx(busy, rel=0.03)


@pytest.mark.parametrize(("customers", "busy"), [(2, 0.180328), (8, 0.661682), (16, 0.977698)])
def test_machine_repairman(customers: int, busy: float) -> None:
    """M/M/1//N with a think time of 10 services: p_n = p_0 N!/(N-n)! (S/Z)^n."""
    p_0 = 1 / sum(
        math.factorial(customers) / math.factorial(customers - n) * 0.1**n
        for n in range(customers + 1)
    )
    assert 1 - p_0 == pytest.approx(busy, abs=1e-6)
    random = np.random.default_rng(3)
    found = closed(customers, 10.0, lambda: float(random.exponential(1.0)), visits=4000)
    assert found == pytest.approx(busy, rel=0.03)


def test_a_line_moves_only_when_somebody_else_had_it() -> None:
    server = Server(simpy.Environment(), line_ps=50, far_line_ps=140)
    assert server.visit(0, 0, 10) == 10
    assert server.visit(0, 0, 10) == 20  # the first one is still served
    assert server.visit(1, 0, 10) == 80
    assert server.visit(0, 1, 10) == 230
    # Three turns stand in one visit; only one turn of another CPU lay in between.
    assert server.visit(1, 1, 10, visits=3) == 290


def test_service_grows_with_those_who_wait_up_to_a_limit() -> None:
    server = Server(simpy.Environment(), growth=0.5, most_waiting=2)
    ends = [server.visit(cpu, 0, 100) for cpu in range(5)]
    assert np.diff([0, *ends]).tolist() == [100, 150, 200, 200, 200]


def test_readers_share_and_writers_do_not() -> None:
    env = simpy.Environment()
    lock = ReadWriteLock(env)
    log: list[tuple[int, str]] = []

    def hold(name: str, at: int, time: int, *, write: bool) -> Events:
        yield env.timeout(at)
        yield from lock.acquire(write=write)
        log.append((int(env.now), name))
        yield env.timeout(time)
        lock.release(write=write)

    for name, at, write in (
        ("reader 1", 0, False),
        ("reader 2", 10, False),
        ("writer", 20, True),
        ("reader 3", 30, False),
    ):
        env.process(hold(name, at, 100, write=write))
    env.run()
    # The third reader stands behind the writer, who waits for the first two.
    assert log == [(0, "reader 1"), (10, "reader 2"), (110, "writer"), (210, "reader 3")]
    assert (lock.usage.waited_ps, lock.usage.busy_ps) == (90 + 180, 310)


def test_a_writer_that_becomes_a_reader_lets_readers_in_and_keeps_writers_out() -> None:
    env = simpy.Environment()
    lock = ReadWriteLock(env)
    log: list[tuple[int, str]] = []

    def first() -> Events:
        yield from lock.acquire(write=True)
        yield env.timeout(100)
        lock.downgrade()
        yield env.timeout(100)
        lock.release(write=False)

    def other(name: str, *, write: bool) -> Events:
        yield env.timeout(1)
        yield from lock.acquire(write=write)
        log.append((int(env.now), name))
        lock.release(write=write)

    env.process(first())
    env.process(other("reader", write=False))
    env.process(other("writer", write=True))
    env.run()
    assert log == [(100, "reader"), (200, "writer")]
