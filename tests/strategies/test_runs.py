"""Traces of whole workloads."""

from __future__ import annotations

import pytest

from costmodel.code.trace import TableRun
from costmodel.code.uops import Kind, Target
from costmodel.config.workload import Workload
from costmodel.mm.shapes import homogeneous
from costmodel.operations.fork.guarantees import check_fork
from costmodel.operations.fork.mixed import memory_of
from costmodel.operations.fork.mm import ForkOperation
from costmodel.operations.fork.operation import READ_ONLY
from costmodel.strategies.catalogue import built_in
from costmodel.strategies.runs import trace_runs


def runs_of(
    name: str, order: int, *, state: str = "writable", memory: int = 2 << 20, isa: str = "arm64"
) -> list[TableRun]:
    workload = Workload(
        operation="fork", memory_bytes=memory, folio_orders={order: 1.0}, state=state
    )
    return trace_runs(built_in()[name], workload, isa, range_tlbi=False)


def test_tables_that_are_alike_are_one_trace_however_many_there_are() -> None:
    (one,) = runs_of("v6.7", 4)
    (many,) = runs_of("v6.7", 4, memory=1 << 30)
    assert (one.count, many.count, one.ptes) == (1, 512, 512)
    assert many.trace is one.trace


def test_read_only_is_what_the_strategy_itself_leaves_behind() -> None:
    """v5 unfolds the parent's blocks in the first fork and nobody folds them again."""
    (first,), (again,) = (
        runs_of("contpte-basic-v5", 9, state=state) for state in ("writable", "read-only")
    )
    assert first.trace.kinds()["tlbi"] == 32 * 16
    assert "tlbi" not in again.trace.kinds()
    folded = runs_of("contpte-folio-batch-v6.12", 9, state="read-only")[0].trace
    assert again.trace.kinds()["load"] < 1.2 * folded.kinds()["load"]


def test_a_block_of_written_pages_is_read_twice_or_as_a_whole() -> None:
    """From 6.16 on the gathering read looks for each of two bits until found; before, at all 16."""
    before, since = (
        runs_of(f"contpte-folio-batch-{version}", 4)[0].trace for version in ("v6.12", "v7.2")
    )
    loads = [
        int(((trace.kind == Kind.LOAD) & (trace.target == Target.SRC)).sum())
        for trace in (before, since)
    ]
    assert loads[0] - loads[1] == 32 * (16 - 2)


@pytest.mark.parametrize("name", ["v6.7", "contpte-per-pte", "folio-batch-v6.12"])
def test_the_second_fork_is_sane_too(name: str) -> None:
    strategy = built_in()[name]
    (shape,) = homogeneous(2 << 20, {4: 1.0}, state=READ_ONLY, contpte=strategy.contpte).shapes
    memory = memory_of(strategy.function, shape, contpte=strategy.contpte)
    before = memory.copy()
    fork = ForkOperation.begin(memory, contpte=strategy.contpte)
    assert not any(step.event == "wrprotect" for step in strategy.function(fork))  # type: ignore[union-attr]
    fork.final_flush()
    assert check_fork(before, fork) == []
