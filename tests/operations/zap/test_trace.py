"""What an unmap executes, as the core gets it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import costmodel
from costmodel.code.trace import TableRun
from costmodel.code.uops import Target
from costmodel.config.workload import Workload
from costmodel.cpu.caches import footprint_bytes
from costmodel.operations.zap.reuse import streamed_bytes
from costmodel.strategies.catalogue import built_in
from costmodel.strategies.runs import trace_runs
from costmodel.units import LINE_BYTES

MIB = 1 << 20


def runs(
    name: str,
    state: str = "munmap",
    order: int = 0,
    mib: int = 64,
    isa: str = "x86_64",
    frames: str = "contiguous",
) -> list[TableRun]:
    workload = Workload(
        operation="zap",
        memory_bytes=mib * MIB,
        folio_orders={order: 1.0},
        state=state,
        frames=frames,
    )
    return trace_runs(built_in("zap")[name], workload, isa, range_tlbi=False)


def segment(run: TableRun) -> str:
    ((name, _, _),) = run.trace.segments
    return name


def micro_ops(found: list[TableRun], name: str) -> float:
    """Return micro-ops per PTE in one segment."""
    ptes = sum(run.count * run.ptes for run in found)
    executed = (
        sum(run.trace.kinds().values()) * run.count for run in found if segment(run) == name
    )
    return sum(executed) / ptes


@pytest.mark.parametrize("order", [0, 2, 4, 9])
@pytest.mark.parametrize("state", ["exit", "munmap", "dontneed", "dontneed-per-page"])
@pytest.mark.parametrize(
    ("name", "isa"),
    [("v6.7", "x86_64"), ("folio-batch-v6.9", "x86_64"), ("contpte-folio-batch-v6.12", "arm64")],
)
def test_every_page_is_unmapped_and_then_released(
    name: str, isa: str, state: str, order: int
) -> None:
    found = runs(name, state, order, mib=6, isa=isa)

    assert sum(run.count * run.ptes for run in found) == 6 * MIB // 4096
    kinds = [segment(run) for run in found]
    assert kinds == sorted(kinds, reverse=True)  # first all "unmap", then all "release"
    assert {run.reuse_bytes is None for run in found if segment(run) == "unmap"} == {True}
    assert not any(run.ptes for run in found if segment(run) == "release")


@pytest.mark.parametrize(
    ("state", "order", "unmap", "release"),
    [
        # micro-ops per PTE of the recorded windows; freeing into full lists comes on top
        ("exit", 0, 9600 / 64, 2568 / 62),
        ("munmap", 0, 19803 / 64, 35381 / 62 + 255),
        ("munmap", 4, 22015 / 64, 64457 / 496),
        ("munmap", 9, 172559 / 512, 79843 / 1024),
    ],
)
def test_as_many_micro_ops_as_recorded(
    state: str, order: int, unmap: float, release: float
) -> None:
    found = runs("v6.7", state, order)
    counter = 1 if order else 0  # the large-folio map counter that v6.7 did not have

    assert micro_ops(found, "unmap") == pytest.approx(unmap - counter, rel=0.02)
    assert micro_ops(found, "release") == pytest.approx(release, rel=0.1)


@pytest.mark.parametrize("frames", ["contiguous", "scattered"])
@pytest.mark.parametrize("order", [0, 4, 9])
def test_a_table_is_unmapped_in_one_trace_and_released_in_one(order: int, frames: str) -> None:
    """Its price does not depend on how the table is cut up."""
    unmap, *releases = runs("v6.7", order=order, mib=1024, frames=frames)
    assert (unmap.count, unmap.ptes) == (512, 512)
    (name,) = {segment(run) for run in releases}
    assert name == "release"
    assert sum(run.count for run in releases) == 512


@pytest.mark.parametrize("order", [2, 4])
def test_a_strategy_of_yours_releases_as_the_kernel_that_it_is_built_on(
    tmp_path: Path, order: int
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from costmodel.operations.zap.per_pte import unmap_per_pte\n"
        "from costmodel.strategies.fork import built_on\n"
        "@built_on('v6.7')\n"
        "def same(zap):\n"
        "    yield from unmap_per_pte(zap)\n"
    )
    mine, kernel = (
        costmodel.price("xeon-4210r", name, operation="zap", state="munmap", order=order)
        for name in (f"{file}:same@gcc12-booted", "v6.7@gcc12-booted")
    )
    assert mine.ns_per_pte == kernel.ns_per_pte


def reuses(found: list[TableRun]) -> list[float]:
    """Return how far back releases reach, from the first part of a list to the last."""
    return sorted({run.reuse_bytes for run in found if run.reuse_bytes is not None})


def test_a_released_page_was_unmapped_a_full_list_before() -> None:
    small, large = (reuses(runs("v6.7", mib=mib, state="exit")) for mib in (8, 1024))
    # The rest of the 9,698 pages is unmapped before it, with their entries, or of all there are.
    assert len(small) == len(large) == 2
    assert small[0] < large[0]
    assert 9698 * 64 < large[0] < large[1] < 9698 * (64 + 8)


def test_freeing_scattered_pages_takes_their_neighbours_along() -> None:
    together, apart = (
        reuses(runs("v6.7", mib=1024, frames=frames)) for frames in ("contiguous", "scattered")
    )
    # Of a page in the last quarter: for every page released one that was freed before goes to the
    # buddy lists, and a quarter of the list was unmapped after it.
    assert 0.75 * 2 * 64 + 0.25 * (64 + 8) < together[-1] / 9698 < 1.05 * 0.75 * 2 * 64 + 0.25 * 72
    assert apart[-1] > 1.9 * together[-1]


def test_what_runs_touch_anew_is_what_the_core_finds() -> None:
    unmaps = [run for run in runs("v6.7", order=4) if run.reuse_bytes is None]
    assert streamed_bytes(unmaps) == footprint_bytes(unmaps, LINE_BYTES)


def test_folios_fill_the_list_more_slowly_than_pages() -> None:
    pages, folios = (
        reuses(runs(name, order=4, mib=1024))[0] for name in ("v6.7", "folio-batch-v6.9")
    )
    assert 7 < folios / pages < 9  # two slots for 16 pages


def test_one_call_per_page_locks_and_releases_for_each() -> None:
    at_once, one_by_one = (runs("v6.7", state) for state in ("dontneed", "dontneed-per-page"))
    assert micro_ops(one_by_one, "unmap") > 1.5 * micro_ops(at_once, "unmap")
    assert one_by_one[-1].reuse_bytes == 0


def test_hand_written_micro_ops_keep_their_inputs() -> None:
    """v6.9 lowers the number of mapped pages with an atomic of its own for every page."""
    for run in runs("folio-batch-v6.9", order=4):
        sites = run.trace.site.tolist()
        by_hand = [row for row, site in enumerate(sites) if site >= 1 << 20]
        assert len(by_hand) == (3 * run.ptes if segment(run) == "unmap" else 0)
        for rmw, alu in pairwise(by_hand):
            if alu == rmw + 1 and run.trace.target[rmw]:
                assert run.trace.inputs[alu, 0] == rmw


def test_a_range_is_emptied_alike_whatever_the_call_and_the_memory() -> None:
    first = runs("v6.7", "munmap")
    for other in (runs("v6.7", "dontneed"), runs("v6.7", "munmap", mib=128)):
        assert all(a.trace is b.trace for a, b in zip(first, other, strict=True))


def buddies(found: list[TableRun]) -> int:
    return sum(int((run.trace.target == Target.BUDDY).sum()) for run in found)


@pytest.mark.parametrize("isa", ["x86_64", "arm64"])
def test_only_a_release_of_scattered_pages_meets_strangers(isa: str) -> None:
    scattered = runs("v6.7", frames="scattered", isa=isa)
    unmaps = [run for run in scattered if segment(run) == "unmap"]
    assert buddies(scattered) > buddies(unmaps) == 0
    assert buddies(runs("v6.7", isa=isa)) == 0
    assert buddies(runs("v6.7", "exit", frames="scattered", isa=isa)) == 0


def test_every_full_list_forces_a_flush() -> None:
    def flushes(**how: Any) -> int:
        return sum(run.flushes for run in runs(mib=1024, **how))

    assert flushes(name="v6.7") == flushes(name="v6.7", state="exit") == (1 << 18) // 9698
    assert flushes(name="folio-batch-v6.9", order=4) == (2 << 14) // 9698
    assert flushes(name="v6.7", state="dontneed-per-page") == 0
    assert sum(run.flushes for run in runs("v6.7", mib=16)) == 0
