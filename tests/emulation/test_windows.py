"""Where 64 entries out of the middle of a table begin and end."""

from __future__ import annotations

import pytest

from costmodel.config.errors import ConfigError
from costmodel.emulation.emulator import EmulatedCall
from costmodel.emulation.windows import SteadyCut, SteadyRun

TABLE = 0x1000
READ, EMPTY, BODY, OFTEN, BACK, AGAIN = range(100, 106)
"""A loop: reads an entry, tests whether it is empty, works; every fourth time looks around and then
reads at another place."""


def call(*, reads_in_branch: bool = False, ahead: int = 0, pages: int = 1) -> SteadyRun:
    """Return what such a loop executes for a table of folios of ``pages`` pages.

    ``ahead``: entries behind a folio at which it looks too, as a batch does.
    """
    done = EmulatedCall()
    for entry in range(0, 512, pages):
        around = reads_in_branch and entry % 4 == 0
        done.pcs.append(AGAIN if around else READ)
        done.accesses.append((len(done.pcs) - 1, TABLE + 8 * entry, 8, False))
        done.pcs += [EMPTY, BODY]
        for looked in range(entry + 1, min(entry + pages + ahead, 512)):
            done.accesses.append((len(done.pcs) - 1, TABLE + 8 * looked, 8, False))
        done.pcs += [OFTEN, BACK]
    return SteadyRun(done, TABLE)


def is_branch(pc: int) -> bool:
    return pc in (EMPTY, OFTEN, BACK)


def begins(cut: SteadyCut, run: SteadyRun) -> tuple[int, int]:
    window = cut.window(run)
    assert run.done.pcs[window.first] == run.done.pcs[window.end]
    return run.done.pcs[window.first], window.end - window.first


def test_a_window_begins_with_the_read_where_the_loop_jumps_back_to_it() -> None:
    run = call()
    assert begins(SteadyCut([run], is_branch), run) == (READ, 64 * 5)


def test_it_begins_behind_the_test_for_an_empty_entry_if_the_read_is_at_two_places() -> None:
    run = call(reads_in_branch=True)
    assert begins(SteadyCut([run], is_branch), run) == (BODY, 64 * 5)


def test_all_orders_are_cut_at_one_place_though_batches_look_ahead() -> None:
    runs = [call(reads_in_branch=True), call(pages=4, ahead=1), call(pages=16, ahead=1)]
    cut = SteadyCut(runs, is_branch)
    assert [begins(cut, run) for run in runs] == [(BODY, 64 * 5), (BODY, 16 * 5), (BODY, 4 * 5)]


def test_a_table_that_nobody_reads_has_no_window() -> None:
    with pytest.raises(ConfigError, match="the table is not read"):
        SteadyCut([SteadyRun(EmulatedCall(pcs=[READ]), TABLE)], is_branch)
