"""What TLBs hold and what is below a guest, from times of rings whose TLB is known."""

import math
from collections.abc import Callable

import pytest

from costmodel.measure.experiment import Series
from costmodel.measure.readings.number import Taken
from costmodel.measure.readings.translations import numbers
from costmodel.measure.suite import IN_HUGE_PAGES, Plan

L2, SECOND, WALK = 14.0, 7.0, 100.0
Missed = Callable[[int, int], float]


def missed_at_random(pages: int, entries: int) -> float:
    """Return the share of a ring's pages that a TLB misses which replaces at random."""
    if pages <= entries:
        return 0.0
    share = 1.0
    for _ in range(200):  # 1 - m = exp(-m n / entries)
        share = 1 - math.exp(-share * pages / entries)
    return share


def missed_in_turn(pages: int, entries: int) -> float:
    """Return the same of one that replaces the oldest."""
    return float(pages > entries)


def cycles(pages: int, entries: int, missed: Missed) -> float:
    """Return the cycles of a load of a ring over ``pages`` pages."""
    if pages <= 64:
        return 4.0
    return (4.0 if pages <= 256 else L2) + SECOND + missed(pages, entries) * WALK


def taken(times: dict[str, float]) -> Taken:
    """Return samples in which each experiment took so many cycles, at 1 GHz."""
    found = {name: Series([[t] * 4], [[t] * 4], [0]) for name, t in times.items()}
    plan = Plan()
    found[f"chase {plan.l2_size}"] = Series([[L2] * 4], [[L2] * 4], [0])
    return Taken(found, plan)


def ring_times(entries: int, missed: Missed) -> dict[str, float]:
    """Return the times of all rings on a machine with such a TLB."""
    return {f"pages {n}": cycles(n, entries, missed) for n in Plan().tlb_pages()}


@pytest.mark.parametrize("missed", [missed_at_random, missed_in_turn])
@pytest.mark.parametrize("entries", [1536, 2048, 3072, 4096])
def test_the_second_level_is_found_whatever_it_replaces(entries: int, missed: Missed) -> None:
    found = {n.key: n for n in numbers(taken(ring_times(entries, missed)), guest=False)}
    assert found["caches.dtlb.l2_entries"].value == entries
    assert found["caches.dtlb.l1_entries"].value == 64
    assert "kernel.host_page_bytes" not in found


@pytest.mark.parametrize(("time", "bytes_"), [(L2 + SECOND, 4096), (L2, 2 << 20)])
def test_steps_in_huge_pages_tell_what_the_host_has(time: float, bytes_: int) -> None:
    times = ring_times(4096, missed_at_random) | {IN_HUGE_PAGES: time}
    found = {n.key: n for n in numbers(taken(times), guest=True)}
    assert found["kernel.host_page_bytes"].value == bytes_
