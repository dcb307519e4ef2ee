"""Builds of zap by ``costmodel record``: each unmaps and releases with its own code."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

import costmodel
from costmodel import price
from costmodel.code.library import layouts_of, load_library
from costmodel.config.errors import ConfigError
from costmodel.experiment import Cell
from costmodel.experiment.builds import matched
from costmodel.mm.pte import DIRTY, SOFT_DIRTY, WRITE, YOUNG
from costmodel.operations.shared.contpte import unfold_partial
from costmodel.operations.shared.entry import Counted, Entry, Steps
from costmodel.operations.shared.scan import Scan, scan
from costmodel.operations.shared.strategy import Function
from costmodel.operations.zap import loop
from costmodel.operations.zap.mm import ZapOperation, ZapTable
from costmodel.strategies.builds import BOOTED, builds_for, built
from costmodel.strategies.catalogue import built_in
from costmodel.strategies.runs import trace_runs

OLD, NEW = "v6.7", "folio-batch-v6.12"
CASES = [
    (isa, build)
    for isa in ("x86_64", "arm64")
    for build in builds_for(built_in("zap")[NEW], isa)
    if build not in (BOOTED, "gcc12-file")
]


def cell(strategy: str, machine: str, order: int, state: str = "munmap") -> Cell:
    return costmodel.cell(machine, strategy, operation="zap", state=state, order=order)


def micro_ops(
    strategy: str,
    isa: str,
    build: str,
    order: int,
    state: str = "munmap",
    function: Function | None = None,
) -> dict[str, float]:
    """Return the micro-ops per PTE of an unmap, and of the release, in a build.

    ``function`` stands in for the strategy's own.
    """
    machine = "xeon-4210r" if isa == "x86_64" else "ampere-altra"
    known = built_in("zap")[strategy]
    if function:
        known = replace(known, function=function)
    there = known if build == BOOTED else built(known, build)
    workload = cell(strategy, machine, order, state).workload
    found = {"unmap": 0.0, "release": 0.0}
    for run in trace_runs(there, workload, isa, range_tlbi=False):
        found[run.trace.segments[0][0]] += run.count * len(run.trace)
    return {name: count / (1 << 18) for name, count in found.items()}


@pytest.mark.parametrize(("isa", "build"), CASES)
def test_a_build_executes_about_what_the_booted_kernel_does(isa: str, build: str) -> None:
    """Debian's calls and list checks take up to half more, clang's release a fifth less."""
    most = 1.6 if build.endswith("debian") else 1.25
    for strategy in (OLD, NEW):
        for order in (0, 4):  # page by page, order 4 fills the list with pages of folios
            booted = micro_ops(strategy, isa, BOOTED, order)
            for part, count in micro_ops(strategy, isa, build, order).items():
                assert booted[part] / 1.3 < count < booted[part] * most, (strategy, order, part)


@pytest.mark.parametrize(("isa", "build"), CASES)
def test_its_release_is_its_own(isa: str, build: str) -> None:
    place = "x86_64" if isa == "x86_64" else "arm64_nocontpte"
    program = f"v6.12.117@{build}.{place}"
    assert {"order0_release", "order2_backwards_release"} <= set(layouts_of("zap", program))
    assert {"take", "put", "uncharge", "buddy"} <= set(load_library("zap", program).events)
    assert "take" not in load_library("zap", f"v6.7@{build}.{place}").events


TREES_OF_7_2 = {
    ("x86_64", 0): (371.36, 951.27), ("x86_64", 2): (145.36, 392.24),
    ("x86_64", 4): (58.36, 81.83), ("x86_64", 9): (30.21, 30.59),
    ("arm64", 0): (473.60, 1034.40), ("arm64", 2): (171.07, 405.20),
    ("arm64", 4): (64.19, 94.93), ("arm64", 9): (29.51, 38.88),
}  # fmt: skip
"""Micro-ops per PTE of munmap and of its release, as ``costmodel record --operation zap`` prints
them for the trees x86s-7.2 and arm64nc-7.2 of ``tools/builds``."""


@pytest.mark.parametrize(("isa", "order"), TREES_OF_7_2)
def test_v7_2_unmaps_and_releases_as_its_own_tree_does(isa: str, order: int) -> None:
    """Of order 2 twice as many folios leave the CPU's lists in the tree as come in, which no steady
    state does.
    """
    unmap, release = TREES_OF_7_2[isa, order]
    found = micro_ops("folio-batch-v7.2", isa, "gcc12-own", order)
    assert found["unmap"] == pytest.approx(unmap, rel=0.01)
    if order == 2:
        assert 0.7 * release < found["release"] < release
    else:
        assert found["release"] == pytest.approx(release, rel=0.04)


@pytest.mark.parametrize("build", [BOOTED, "gcc12-own"])
def test_v6_7_frees_large_folios_singly_as_6_1_does(build: str) -> None:
    """What freeing a folio takes, per page: less what dropping the references of its pages takes.

    ``costmodel record --operation zap`` of 6.1.192 (gcc 12.2, x86-64, small) prints 397.5, 120.5
    and 61.8 micro-ops per PTE for the release of orders 2, 4 and 9. In batches, as 6.12 frees
    them, v6.7 would have 215 and 47.
    """
    order_2, order_4, order_9 = (
        micro_ops(OLD, "x86_64", build, order)["release"] for order in (2, 4, 9)
    )
    assert order_2 - order_9 == pytest.approx(397.5 - 61.8, rel=0.2)
    assert order_4 - order_9 == pytest.approx(120.5 - 61.8, rel=0.1)


@pytest.mark.parametrize(("strategy", "order", "unmap"), [
    ("contpte-folio-batch-v6.12", 0, 166.32), ("contpte-folio-batch-v6.12", 2, 119.88),
    ("contpte-folio-batch-v6.12", 4, 48.94), ("contpte-folio-batch-v6.12", 9, 33.07),
    ("contpte-folio-batch-v7.2", 4, 43.19), ("contpte-folio-batch-v7.2", 9, 23.81),
])  # fmt: skip
def test_an_exit_executes_what_was_recorded_of_it(strategy: str, order: int, unmap: float) -> None:
    """As ``costmodel record --operation zap`` prints for the trees arm64-small and arm64-7.2.

    A child's entries are not writable, and those of the recorded tables are: with the write bit
    for a fact, every block of a large folio was taken for the first of a batch.
    """
    found = micro_ops(strategy, "arm64", "gcc12-own", order, "exit")
    assert found["unmap"] == pytest.approx(unmap, rel=0.02)


def unmap_by_plain_scan(zap: ZapOperation) -> Steps:
    """Unmap as v6.12 with contpte, as a user writes it: with a ``Scan``, none of zap's own."""
    how = Scan(always_ignored=DIRTY | YOUNG | SOFT_DIRTY | WRITE, gathers=True, hints=True)
    zap.list.reserve = loop.BATCH
    return loop.unmap_tables(zap, partial(_unmap_from, how), gathers=True)


def _unmap_from(how: Scan, zap: ZapOperation, table: ZapTable, entry: Entry) -> Counted:
    count = yield from scan(table, entry, how)
    entry.pte = table.src.ptep_get(entry.slot)
    yield from unfold_partial(table, entry, count, whole_blocks_stay=True)
    yield from loop.clear(table, entry, count)
    yield from loop.remove_rmap(zap, entry, count, counts_large=True)
    loop.account(zap, entry, count)
    yield from loop.put_on_list(zap, entry, count, count - 1, loop.BATCH)
    return count


def test_a_scan_by_a_user_executes_what_the_kernels_own_does() -> None:
    """A ``Scan`` without zap's own choices: each later block of a batch is known as one."""
    known = "contpte-folio-batch-v6.12", "arm64", "gcc12-own", 9, "exit"
    assert micro_ops(*known, unmap_by_plain_scan) == micro_ops(*known)


@pytest.mark.parametrize("isa", ["x86_64", "arm64"])
def test_v7_2_executes_more_of_single_pages_than_v6_12(isa: str) -> None:
    before, after = (micro_ops(name, isa, "gcc12-own", 0) for name in (NEW, "folio-batch-v7.2"))
    for part, count in before.items():
        assert 1.05 * count < after[part] < 1.5 * count, part


@pytest.mark.parametrize("machine", ["xeon-4210r", "ampere-altra"])
@pytest.mark.parametrize("state", ["munmap", "dontneed"])
def test_a_change_has_a_range_over_builds(machine: str, state: str) -> None:
    found = matched(cell(NEW, machine, 4, state), cell(OLD, machine, 4, state)).builds
    assert found is not None and len(found.changes_pct) > 1
    assert BOOTED not in found.changes_pct
    assert found.low_pct <= found.shown_pct <= found.high_pct < 0


def test_a_build_is_refused_where_it_was_not_recorded() -> None:
    for state in ("dontneed-per-page", "shared-munmap"):
        with pytest.raises(ConfigError, match="gcc16"):
            price("xeon-4210r", f"{NEW}@gcc16", operation="zap", state=state, memory="2 MiB")
