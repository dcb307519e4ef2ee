"""Shootdowns on x86: who is interrupted, how long the sender waits, what INVLPGB changes."""

from __future__ import annotations

from typing import Any

import pytest

from costmodel.config.machine import load_machine
from costmodel.cpus.contention import Contention, contention
from costmodel.operations.protocol import FlushRequest
from costmodel.simulation import Stage
from tests.cpus.made import XEON, made

US = 10**6
ONE_PAGE, TABLES = FlushRequest(pages=1), FlushRequest(frees_tables=True)


def met(request: FlushRequest = ONE_PAGE, machine: str = "", **of: Any) -> Contention:
    """Return threads that work for 10 us and flush."""
    on = load_machine(machine) if machine else XEON
    stage = Stage(10 * US, flush=request)
    own = ("memory", "mmap_lock", "zone_lock", "lru_lock", "memcg", "counters")
    return contention(made(stage, machine=on, **{"unshared": own, **of}))


def test_a_sleeping_thread_costs_nothing_unless_page_tables_are_freed() -> None:
    assert met(threads=2, others="idle").mean_ps == 10 * US
    assert met(TABLES, threads=2, others="idle").mean_ps > 12 * US


def test_one_busy_thread_costs_a_round_trip_on_bare_metal_and_several_us_in_a_guest() -> None:
    """Measured: 4.0 to 5.7 us in a Milan guest; 1 to 2 us is the rule on bare metal."""
    bare = met(threads=2, others="busy").mean_ps - 10 * US
    guest = met(machine="epyc-milan", threads=2, others="busy").mean_ps - 10 * US
    assert 1.0 * US < bare < 2.0 * US
    assert 4.0 * US < guest < 5.7 * US


def test_each_further_busy_thread_costs_less_than_the_first() -> None:
    times = [met(threads=n, others="busy").mean_ps for n in (2, 3, 4, 8)]
    assert times == sorted(times)
    assert times[1] - times[0] < 1.5 * US


def test_more_pages_cost_more_up_to_the_ceiling() -> None:
    def time(pages: int | None) -> int:
        return met(FlushRequest(pages), threads=2, others="busy").mean_ps

    assert time(1) < time(8) < time(33)
    assert time(34) == time(None) < time(33)


def test_all_to_all_costs_every_thread_the_handlers_of_all_others() -> None:
    few, many = met(threads=4), met(threads=16)
    assert few.extra_ps["interrupted"] < many.extra_ps["interrupted"]
    assert many.throughput_per_s < 16 * many.alone_per_s


@pytest.mark.parametrize("machine", ["epyc-zen4", "epyc-zen5"])
def test_invlpgb_interrupts_nobody_and_needs_three_cpus(machine: str) -> None:
    on = {"shootdown.invlpgb": True}
    plain = met(machine=machine, threads=8)
    invlpgb = met(machine=machine, threads=8, numbers=on)
    assert "interrupted" not in invlpgb.extra_ps
    assert invlpgb.mean_ps < plain.mean_ps
    two = [met(machine=machine, threads=2, others="busy", numbers=n).mean_ps for n in (on, {})]
    assert two[0] == two[1]


@pytest.mark.parametrize("of", [{"others": "busy"}, {"others": "same"}])
@pytest.mark.parametrize("pages", [1, 40])
@pytest.mark.parametrize("machine", ["epyc-milan", "epyc-zen4", "epyc-zen5"])
def test_invlpgb_is_faster_and_more_receivers_never_are(
    machine: str, pages: int, of: dict[str, Any]
) -> None:
    """On bare metal and in a guest that may use it, whose interrupts are exits."""

    def times(*, invlpgb: bool) -> list[int]:
        on = {"shootdown.invlpgb": invlpgb}
        flush = FlushRequest(pages)
        counts = (3, 4, 6, 12, 24, 48)
        return [met(flush, machine, threads=n, numbers=on, **of).mean_ps for n in counts]

    without, with_it = times(invlpgb=False), times(invlpgb=True)
    assert without == sorted(without) and with_it == sorted(with_it)
    assert all(new < old for new, old in zip(with_it, without, strict=True))


def test_what_one_invlpgb_does_not_cover_takes_more_of_them() -> None:
    def time(pages: int) -> int:
        on = {"shootdown.invlpgb": True}
        return met(FlushRequest(pages), "epyc-zen4", threads=8, others="busy", numbers=on).mean_ps

    assert time(1) == time(8) < time(9) == time(16) < time(33)
    assert time(34) == time(1), "all of them are one instruction"


def test_switched_off_nobody_is_interrupted() -> None:
    off = met(threads=8, unshared=("shootdown", "memory", "mmap_lock", "counters", "memcg"))
    assert not {"shootdown", "interrupted"} & set(off.extra_ps)
