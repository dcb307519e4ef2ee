"""The compiled event loop against SimPy's, to the picosecond."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.cpus.contention import contention, samples
from costmodel.cpus.setup import Setup
from costmodel.operations.protocol import FlushRequest
from costmodel.simulation import Engine, NoiseSizes, Stream
from costmodel.simulation.schedule import Schedule, Stage
from tests.cpus.made import ALTRA, XEON, made

MS = 1_000_000_000
GROWING = {"tlbi.shared_growth_pct": 3, "tlbi.shared_requests": 5, "tlbi.shared_stolen_ns": 40}


def both(setup: Setup) -> tuple[Any, Any]:
    return contention(setup), contention(setup, engine=Engine.REFERENCE)


def assert_equal(setup: Setup) -> None:
    """Compare times, what others cost and how things are used."""
    fast, reference = both(setup)
    assert (fast.mean_ps, fast.throughput_per_s) == (reference.mean_ps, reference.throughput_per_s)
    extra_ps = {cause: ps for cause, ps in reference.extra_ps.items() if ps}
    assert {cause: ps for cause, ps in fast.extra_ps.items() if ps} == pytest.approx(extra_ps)
    assert fast.shared.keys() == reference.shared.keys()
    for name, use in fast.shared.items():
        assert vars(use) == pytest.approx(vars(reference.shared[name]), abs=1e-9)


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.tuples(st.integers(0, MS), st.integers(0, MS), st.integers(1, 4)), min_size=1),
    st.integers(2, 12),
    st.sampled_from([{}, GROWING, {"topology.sockets": 2}]),
    st.sampled_from(
        [
            {},
            {"between_us": 100.0, "between_stdev_pct": 100},
            {"folios": "shared"},
            {"sockets": "spread"},
        ]
    ),
)
def test_events_are_those_of_simpy(
    parts: list[tuple[int, int, int]], cpus: int, numbers: dict[str, Any], of: dict[str, Any]
) -> None:
    stages = [Stage(work, sent, count, tlbis=3) for work, sent, count in parts]
    assert_equal(made(*stages, numbers=numbers, cpus=cpus, **of))


OLD = {"shootdown.reads_generation": True, "topology.sockets": 2}
BROADCASTS = {"shootdown.invlpgb": True, "topology.sockets": 2}
LEFT = {"shootdown.lazy_mask": True, "shootdown.mask_trim_us": 150, "shootdown.send_cpus": 2}
LEFT_HERE = LEFT | {"shootdown.mask_trim_us": 0, "tlbi.cpus_online": 12, "topology.sockets": 2}
"""Threads come from CPUs that work for others, or for nobody."""


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.integers(0, MS // 100), st.integers(1, 5), st.integers(1, 60), st.booleans()
        ),
        min_size=1, max_size=3,
    ),
    st.sampled_from([(1, 2), (1, 9), (2, 5), (3, 3), (4, 1)]),
    st.sampled_from([{}, OLD, BROADCASTS, {"shootdown.send_cpus": 2}, LEFT, LEFT_HERE]),
    st.sampled_from(
        [
            {},
            {"placement": "moving"},
            {"placement": "moving", "others": "busy"},
            {"placement": "moving", "others": "idle", "between_us": 40.0},
            {"others": "busy"},
            {"others": "idle"},
            {"sockets": "spread", "between_us": 3.0, "between_stdev_pct": 100},
            {"unshared": ("generation",)},
            {"unshared": ("mmap_lock",), "between_us": 3.0, "between_stdev_pct": 40},
        ]
    ),
    st.sampled_from([{}, {"operation": "zap", "state": "munmap", "outside_ps": MS // 99},
                     {"operation": "zap", "state": "dontneed"}]),
)  # fmt: skip
def test_threads_interrupt_each_other_and_wait_for_their_lock_as_in_simpy(
    parts: list[tuple[int, int, int, bool]],
    crowd: tuple[int, int],
    numbers: dict[str, Any],
    of: dict[str, Any],
    does: dict[str, Any],
) -> None:
    stages = [
        Stage(work, count=count, flush=FlushRequest(pages, frees_tables=frees))
        for work, count, pages, frees in parts
    ]
    cpus, threads = crowd
    setup = made(*stages, machine=XEON, numbers=numbers, cpus=cpus, threads=threads, **of, **does)
    assert_equal(setup)
    assert ("shootdown" in contention(setup).shared) == (threads > 1 or setup.leaves_cpus)


@pytest.mark.parametrize("machine", [ALTRA, XEON])
def test_an_unmap_meets_locks_and_memory_as_in_simpy(machine: Any) -> None:
    zap: dict[str, Any] = {"operation": "zap", "state": "munmap", "between_us": 300.0}
    assert_equal(made(Stage(MS), machine=machine, cpus=9, **zap))


def test_noise_comes_to_the_same_times() -> None:
    setup = made(Stage(MS // 3), Stage(0, MS // 7, 5, tlbis=9), numbers=GROWING, cpus=7)
    sizes = NoiseSizes.of(ALTRA, {0: 1.0})
    schedule = Schedule((Stage(MS // 3), Stage(0, MS // 7, 5)))
    stream = Stream(3, "ampere-altra", "made")
    fast, reference = (
        samples(setup, schedule, sizes, stream, runs=2, iterations=9, engine=engine)
        for engine in Engine
    )
    assert np.array_equal(fast, reference)
    assert len(np.unique(fast)) > 10
