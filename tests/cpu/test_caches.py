"""Levels follow reuse distances."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from costmodel.code.trace import TableRun
from costmodel.code.uops import Kind, Subkind, Target, Uop
from costmodel.cpu.caches import (
    CYCLIC,
    LOADED,
    ROUND,
    WRITTEN,
    ClassCosts,
    Distance,
    accesses,
    class_costs,
    footprint_bytes,
)
from costmodel.cpu.parameters import parameters_of
from costmodel.cpu.reuse import touches
from costmodel.cpu.stack import Cause

from .build import ALTRA, XEON, alu, load, machine, rmw, store, trace_of

MIB = 1 << 20


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.integers(0, 12), max_size=60), st.integers(0, 12))
def test_stack_distances_count_distinct_lines(lines: list[int], near: int) -> None:
    found, far = (touches(np.arange(len(lines)), np.array(lines, np.int64), n) for n in (0, near))
    assert found.previous.tolist() == far.previous.tolist()
    for exact, rough in zip(found.distance.tolist(), far.distance.tolist(), strict=True):
        assert rough == exact or (0 <= exact < near and rough == 0)
    for i, line in enumerate(lines):
        before = [j for j in range(i) if lines[j] == line]
        assert found.previous[i] == (before[-1] if before else -1)
        distinct = set(lines[before[-1] + 1 : i]) if before else None
        assert found.distance[i] == (-1 if distinct is None else len(distinct))


def level(distance: float, footprint: float, **values: object) -> Cause:
    on = machine(XEON, **values)
    costs = class_costs(
        (Distance(0.0, 0.0), Distance(distance, distance)), footprint, on, parameters_of(on)
    )
    return max(costs.weights[1], key=lambda cause: costs.weights[1][cause])


@pytest.mark.parametrize(
    ("kib", "expected"),
    [(8, Cause.L1), (128, Cause.L2), (512, Cause.L2), (4096, Cause.LLC), (40960, Cause.DRAM)],
)
def test_a_line_is_served_by_the_smallest_level_that_still_holds_it(
    kib: int, expected: Cause
) -> None:
    assert level(kib * 1024.0, 0.0) == expected
    assert level(CYCLIC, kib * 1024.0) == expected


def test_replacement_decides_what_a_stream_larger_than_the_cache_finds() -> None:
    shares = {}
    for policy in ("lru", "random", "adaptive"):
        on = machine(
            XEON, caches__llc__replacement=policy, caches__l2__replacement="lru",
            caches__llc__size_bytes="10 MiB",
        )  # fmt: skip
        costs = class_costs(
            (Distance(0.0, 0.0), Distance(CYCLIC, CYCLIC)), 20.0 * MIB, on, parameters_of(on)
        )
        shares[policy] = costs.weights[1].get(Cause.LLC, 0) / 65536
    assert shares["lru"] < 0.02
    assert shares["random"] == pytest.approx(0.203, abs=0.01)  # h = exp(-2 (1 - h))
    assert shares["adaptive"] == pytest.approx(0.5, abs=0.01)


@settings(deadline=None)
@given(st.integers(1, 400), st.integers(1, 400))
def test_longer_distances_never_cost_less(one: int, other: int) -> None:
    near, far = sorted((one, other))
    pairs = tuple(Distance(each, each) for each in (0.0, near * 1e5, far * 1e5))
    ticks = class_costs(pairs, 0.0, ALTRA, parameters_of(ALTRA)).ticks
    assert ticks[1] <= ticks[2]


def test_targets_have_their_own_reuse() -> None:
    trace = trace_of(
        [
            load(0, target=Target.SRC),
            load(0, target=Target.PAGE),
            load(8, target=Target.PAGE),
            store(0, target=Target.DST),
            load(0, target=Target.STACK),
        ]
    )
    found = accesses(trace, 64)
    cyclic = [found.distances[kind][0] == CYCLIC for kind in found.kind]
    assert cyclic == [True, True, False, False, False], "the child's table was just cleared"
    assert found.touch.tolist() == [-1, -1, 1, -1, -1]
    assert footprint_bytes([TableRun(trace, 10, 1)], 64) == 10 * 3 * 64


def test_long_lines_bring_their_neighbour_to_the_l2() -> None:
    trace = trace_of([load(0, target=Target.PAGE), load(64, target=Target.PAGE)])
    short, long = accesses(trace, 64), accesses(trace, 128)
    assert [short.distances[kind] for kind in short.kind] == [Distance(CYCLIC, CYCLIC)] * 2
    assert [long.distances[kind] for kind in long.kind] == [
        Distance(CYCLIC, CYCLIC), Distance(CYCLIC, 0.0),
    ]  # fmt: skip
    assert long.touch.tolist() == [-1, 0]


def test_long_lines_bring_nothing_but_their_neighbour() -> None:
    trace = trace_of([load(64 * line, target=Target.PAGE) for line in (0, 2, 5, 4)])
    found = accesses(trace, 128)
    assert found.touch.tolist() == [-1, -1, -1, 2]
    assert found.streaming_bytes == 3 * 128


def test_a_cleared_block_makes_its_lines_hot_and_owned() -> None:
    zero = Uop(Kind.ZERO, Subkind.ZERO_BLOCK, target=Target.PAGE, size_bytes=4096)
    trace = trace_of([zero, load(4032, target=Target.PAGE)])
    found = accesses(trace, 64)
    assert found.kind[1] == 0
    assert found.touch[1] == 0
    assert found.owned[1]


def test_buddies_are_a_round_away_whatever_else_is_near() -> None:
    touches = [load(64, target=Target.PAGE), load(6400, target=Target.BUDDY)]
    found = accesses(trace_of(touches), 64)
    assert [found.distances[kind][0] for kind in found.kind] == [CYCLIC, ROUND]
    on = parameters_of(ALTRA)
    costs = class_costs(found.distances, 0.0, ALTRA, on, round_bytes=1e12).ticks
    near, far = costs[found.kind]
    assert (near, far) == (on.l1, pytest.approx(on.dram, rel=0.01))


@pytest.mark.parametrize("ratio", [0.25, 0.5, 0.75, 1.0, 1.5])
def test_an_lru_cache_of_sixteen_ways_hits_as_often_as_poisson_says(ratio: float) -> None:
    """Lines fall on sets at random: one survives where at most 15 others follow into its set."""
    on = machine(XEON, caches__l2__size_bytes="64 KiB", caches__llc__replacement="lru")
    bytes_ = ratio * on.caches.llc.size_bytes.value
    costs = class_costs((Distance(0.0, 0.0), Distance(bytes_, bytes_)), 0.0, on, parameters_of(on))
    share = costs.weights[1].get(Cause.LLC, 0) / 65536
    assert share == pytest.approx(stats.poisson.cdf(15, 16 * ratio), abs=2e-3)


@pytest.mark.parametrize(("lines", "near"), [(126, True), (127, True), (128, False)])
def test_eight_kib_of_other_lines_leave_a_line_in_any_l1(lines: int, near: bool) -> None:
    loads = [load(64 * line) for line in range(lines + 1)]
    found = accesses(trace_of([*loads, load(0)]), 64)
    assert (found.kind[-1] == 0) == near


def test_distances_are_rounded_up_by_less_than_a_fifth() -> None:
    """A quarter of a power of two: few classes, and never nearer than it is."""
    for lines in (150, 300, 1000, 3000):
        loads = [load(64 * line) for line in range(lines + 1)]
        found = accesses(trace_of([*loads, load(0)]), 64)
        rounded = found.distances[found.kind[-1]][0]
        assert 1 <= rounded / (64 * lines) < 2**0.25 * 1.001


def test_what_every_table_touches_is_as_far_away_as_one_table() -> None:
    """Lines of the stack were met with the table before: 200 lines ago, or within any L1."""
    for lines, distance in ((127, 0.0), (128, 8192.0), (200, 200 * 64.0)):
        found = accesses(trace_of([load(64 * line) for line in range(lines)]), 64)
        assert [found.distances[kind] for kind in found.kind] == [
            Distance(distance, distance)
        ] * lines
        assert found.streaming_bytes == 0


def test_a_line_knows_who_met_it_before() -> None:
    """A load brings it, an earlier write makes it this core's own: so it stays."""
    trace = trace_of([load(0), store(64), load(8), store(0), load(0), load(72), load(64)])
    found = accesses(trace, 64)
    assert 0 < LOADED < WRITTEN
    assert found.owned.tolist() == [0, 0, LOADED, LOADED, WRITTEN, WRITTEN, WRITTEN]
    assert found.touch.tolist() == [-1, -1, 0, 2, 3, 1, 5]


@pytest.mark.parametrize(
    ("subkind", "owned"),
    [
        (Subkind.RMW_VALUE, WRITTEN),
        (Subkind.RMW_CAS, WRITTEN),
        (Subkind.RMW_ACQUIRE, WRITTEN),
        (Subkind.RMW_LOCKED, WRITTEN),
        (Subkind.RMW_STORE, 0),
    ],
)
def test_an_atomic_with_a_result_owns_its_line(subkind: Subkind, owned: int) -> None:
    """One without may be done where the line is."""
    assert accesses(trace_of([rmw(subkind), load()]), 64).owned.tolist() == [0, owned]


def test_what_is_fetched_once_per_round() -> None:
    """The table that is copied and its struct pages; the child's table was cleared in the caches,
    the stack stays, and what is cleared is not fetched."""
    cleared = Uop(Kind.ZERO, Subkind.ZERO_LINE, target=Target.SRC, offset_bytes=640, size_bytes=64)
    src, page, dst, stack = (load(8, target=Target(target)) for target in (1, 3, 2, 5))
    found = accesses(trace_of([src, page, page, dst, stack, alu(), cleared]), 64)
    assert found.first.tolist() == [True, True, False, False, False, False, False]
    assert found.owned.tolist() == [0, 0, LOADED, WRITTEN, 0, 0, 0]
    assert found.streaming_bytes == 4 * 64, "with what is cleared and the child's table"


def test_clearing_counts_by_its_first_line() -> None:
    """Of 64 lines the first was written before; the others come once per round."""
    zero = Uop(Kind.ZERO, Subkind.ZERO_BLOCK, target=Target.PAGE, size_bytes=4096)
    found = accesses(trace_of([store(0, target=Target.PAGE), zero]), 64)
    assert (found.kind[1], found.touch[1], found.owned[1]) == (0, 0, WRITTEN)
    assert found.streaming_bytes == 64 * 64
    small = accesses(trace_of([zero._replace(size_bytes=32), load(0, target=Target.PAGE)]), 64)
    assert small.touch.tolist() == [-1, 0], "less than a line is one line"


def two_levels(
    near: str, beyond: str, *, written: bool = False, **values: object
) -> tuple[ClassCosts, int, int]:
    """Return the costs of what ``near`` holds to a half and ``beyond`` whole, and both latencies.

    An adaptive cache keeps half of a stream of twice its size.
    """
    sizes = {"l1": 32 << 10, "l2": 1 << 20, "llc": 16 << 20}
    on = machine(
        XEON,
        **{f"caches__{n}__replacement": "adaptive" if n == near else "lru" for n in sizes},
        **{f"caches__{n}__size_bytes": size for n, size in sizes.items()},
        caches__llc__share=1.0,
        **values,
    )
    distance = 2.0 * sizes[near]
    parameters = parameters_of(on)
    classes = Distance(0.0, 0.0), Distance(distance, distance, written)
    costs = class_costs(classes, 0.0, on, parameters)
    return costs, getattr(parameters, near), getattr(parameters, beyond)


@pytest.mark.parametrize(("near", "beyond"), [("l1", "l2"), ("l2", "llc"), ("llc", "dram")])
def test_half_in_one_level_and_half_in_the_next_costs_their_mean(near: str, beyond: str) -> None:
    costs, one, other = two_levels(near, beyond)
    assert costs.ticks[1] == pytest.approx((one + other) / 2, abs=1)
    assert costs.weights == (
        {Cause.L1: 65536},
        {Cause[near.upper()]: 32768, Cause[beyond.upper()]: 32768},
    )
    assert costs.misses.tolist() == [0, 1]


def test_lines_of_a_level_keep_their_distance_in_time() -> None:
    """A line every 3 cycles (L2), 4 ns (LLC), 6 ns (memory) for all miss registers together."""
    gaps: dict[str, Any] = {
        "caches__l2__cycles_per_line": 3.0, "caches__llc__ns_per_line": 4.0,
        "caches__dram__ns_per_line": 6.0, "caches__miss_registers": 10, "core__clock_ghz": 2.0,
        "caches__prefetch__ns_per_line": 2.0, "caches__prefetch__llc_ns_per_line": 1.0,
    }  # fmt: skip
    held = {near: two_levels(near, beyond, **gaps)[0] for near, beyond in
            (("l1", "l2"), ("l2", "llc"), ("llc", "dram"))}  # fmt: skip
    tick = 16
    assert held["l1"].holds.tolist() == [0, 10 * tick * 3 // 2]
    assert held["l2"].holds.tolist() == [0, 10 * tick * (3 + 2 * 4) // 2]
    assert held["llc"].holds.tolist() == [0, 10 * tick * 2 * (4 + 6) // 2]
    # Of a stream, what lies nearer comes with the rest.
    assert held["l1"].gaps.tolist() == [0, 0]
    assert held["l2"].gaps.tolist() == [0, tick * 2 * 1]
    assert held["llc"].gaps.tolist() == [0, tick * 2 * 3 // 2]


def test_what_was_written_goes_back_the_way_it_came() -> None:
    """3 cycles for a line out of the L2, 2 more if it goes back; slower levels hide both."""
    gaps: dict[str, Any] = {
        "caches__l2__cycles_per_line": 3.0, "caches__l2__write_back_cycles": 2.0,
        "caches__llc__ns_per_line": 2.0, "caches__dram__ns_per_line": 4.0,
        "caches__miss_registers": 10, "core__clock_ghz": 2.0,
    }  # fmt: skip
    held = {
        (near, written): int(two_levels(near, beyond, written=written, **gaps)[0].holds[1])
        for near, beyond in (("l1", "l2"), ("l2", "llc"), ("llc", "dram"))
        for written in (False, True)
    }
    of_a_cycle = 10 * 16 // 2
    assert held == {
        ("l1", False): of_a_cycle * 3, ("l1", True): of_a_cycle * 5,
        ("l2", False): of_a_cycle * (3 + 4), ("l2", True): of_a_cycle * (5 + 5),
        ("llc", False): of_a_cycle * (4 + 8), ("llc", True): of_a_cycle * (5 + 8),
    }  # fmt: skip


def test_a_line_goes_back_once_for_each_stay_in_the_l1() -> None:
    """Written when it came or later, by a store or an atomic: not if it is only read, nor for what
    is written in another stay."""
    page = Target.PAGE
    others = [load(64 * line) for line in range(100, 1100)]
    came = [load(64 * line, target=page) for line in range(3)]
    came.append(rmw(Subkind.RMW_STORE, 192, target=page))
    later = [store(8, target=page), rmw(Subkind.RMW_LOCKED, 72, target=page)]
    again = [load(0, target=page), store(128, target=page)]
    trace = trace_of([*came, *later, *others, *again])
    found = accesses(trace, 64)
    written = [found.distances[kind].written for kind in found.kind]
    assert written[:4] == [True, True, False, True]
    assert written[4:6] == [False, False], "they find the line: nothing comes"
    assert written[-2:] == [False, True]


@pytest.mark.parametrize(("lines", "stays"), [(1, True), (200, True), (1000, False)])
def test_a_line_stays_as_long_as_any_l1_holds_it(lines: int, stays: bool) -> None:
    """What is written 200 lines after it came is written in the same stay, 1000 lines after not."""
    others = [load(64 * line) for line in range(100, 100 + lines)]
    trace = trace_of([load(0, target=Target.PAGE), *others, store(0, target=Target.PAGE)])
    found = accesses(trace, 64)
    assert found.distances[found.kind[0]].written == stays


def test_a_workload_that_just_fits_hits() -> None:
    l1 = float(XEON.caches.l1.size_bytes.value)
    values = {"caches__llc__share": 0.5, "caches__llc__size_bytes": 8 * MIB}
    for policy in ("lru", "random", "adaptive"):
        on = machine(XEON, **values, caches__l1__replacement=policy,
                     caches__llc__replacement="adaptive")  # fmt: skip
        ends = (l1, l1 + 64, 4.0 * MIB, 4.0 * MIB + 4096)
        distances = tuple(Distance(end, end) for end in (0.0, *ends))
        fits, over, half, more = class_costs(distances, 0.0, on, parameters_of(on)).weights[1:]
        assert set(fits) == {Cause.L1}
        assert Cause.L2 in over
        assert Cause.DRAM not in half, "half of 8 MiB is this core's share"
        assert Cause.DRAM in more
