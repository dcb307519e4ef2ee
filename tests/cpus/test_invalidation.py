"""Shootdowns on x86: who is interrupted, how long the sender waits, what INVLPGB changes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.config.machine import load_machine
from costmodel.cpus.contention import Contention, contention
from costmodel.cpus.invalidation import HANDLER_LINES, SENDER_LINES
from costmodel.operations.protocol import FlushRequest
from costmodel.simulation.schedule import Stage
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


EXACT: dict[str, Any] = {}
LAZY = {"shootdown.lazy_mask": True}
ALWAYS = LAZY | {"shootdown.mask_trim_us": 0}
CROWDS = st.sampled_from(
    [
        {"threads": 2},
        {"threads": 5, "sockets": "spread"},
        {"threads": 4, "others": "busy"},
        {"threads": 4, "others": "idle"},
        {"cpus": 6},
        {"cpus": 3, "threads": 3, "between_us": 5.0},
    ]
)


@settings(deadline=None, max_examples=30)
@given(CROWDS, st.sampled_from([ONE_PAGE, TABLES]), st.sampled_from(["xeon-4210r", "epyc-milan"]))
def test_cpus_left_in_the_mask_never_make_a_flush_faster(
    of: dict[str, Any], request: FlushRequest, machine: str
) -> None:
    """The less often it is trimmed the better; without moves nobody is in it in vain."""
    exact, lazy, always = (
        met(request, machine, placement="moving", **(of | {"numbers": numbers})).mean_ps
        for numbers in (EXACT, LAZY, ALWAYS)
    )
    assert exact <= lazy <= always > exact
    pinned = [met(request, machine, **(of | {"numbers": n})).mean_ps for n in (EXACT, ALWAYS)]
    assert pinned[0] == pinned[1] == exact


def test_a_cpu_that_was_left_answers_once() -> None:
    """The sender asks it, it takes itself out of the mask, and flushes nothing."""
    alone: dict[str, Any] = {"threads": 2, "others": "idle", "placement": "moving"}
    p, line_ns = XEON.shootdown, XEON.topology.line_ns.value
    times_ns = p.send_ns.value + p.delivery_ns.value + p.handler_ns.value
    lines = SENDER_LINES + HANDLER_LINES + len(("the mask", "the answer"))
    met_it = met(FlushRequest(30), numbers=ALWAYS, **alone)
    assert met_it.mean_ps == 10 * US + (times_ns + lines * line_ns) * 1000
    assert met_it.shared["shootdown"].visits_per_operation == 1


def test_the_mask_is_trimmed_as_often_as_it_is_said() -> None:
    """Within one time between two trims, so that a second passes without any of them here."""
    alone: dict[str, Any] = {"threads": 2, "others": "idle", "placement": "moving"}
    alone |= {"between_us": 15.0, "between_stdev_pct": 1}
    each = met(numbers=LAZY | {"shootdown.mask_trim_us": 99}, **alone)
    assert each.shared["shootdown"].visits_per_operation == pytest.approx(1 / 4, abs=0.03)
    assert met(numbers=LAZY, **alone).mean_ps == 10 * US
    assert met(TABLES, numbers=LAZY, **alone).shared["shootdown"].visits_per_operation == 2


def test_a_process_on_all_cpus_leaves_none() -> None:
    """Its threads change places; a process on half of them left the other half."""
    small = {"tlbi.cpus_online": 4}
    for threads, lingers in ((4, False), (2, True)):
        both = [
            met(threads=threads, placement="moving", numbers=small | n).mean_ps
            for n in (EXACT, ALWAYS)
        ]
        assert (both[0] < both[1]) is lingers


def test_invlpgb_needs_no_mask() -> None:
    on = {"shootdown.invlpgb": True}
    moving: dict[str, Any] = {"machine": "epyc-zen4", "threads": 8, "placement": "moving"}
    assert met(numbers=on, **moving).mean_ps == met(numbers=on | ALWAYS, **moving).mean_ps
