"""Traces are kept up to a number of bytes."""

from __future__ import annotations

import pickle

import pytest

from costmodel.byte_cache import ByteCache
from costmodel.code.cache import Recalled, trace_bytes
from costmodel.code.trace import TableRun, Trace
from costmodel.config.machine import load_machine
from costmodel.config.workload import Workload
from costmodel.cpu import engine
from costmodel.operations.shared import trace
from costmodel.strategies.catalogue import built_in
from costmodel.strategies.runs import trace_runs


def test_what_cores_know_of_a_trace_outlives_its_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    workload = Workload(
        operation="fork", memory_bytes=1 << 16, folio_orders={0: 1.0}, state="writable"
    )
    (run,) = trace_runs(built_in()["v6.7"], workload, "arm64", range_tlbi=False)
    plain: Trace = pickle.loads(pickle.dumps(run.trace))
    assert type(plain) is Trace

    asked = []

    def source() -> Trace:
        asked.append(1)
        return plain

    machine = load_machine("ampere-altra")
    recalled = Recalled(source)
    assert (len(recalled), recalled.kinds()) == (len(plain), plain.kinds())
    before = engine.run([TableRun(recalled, 3, 16)], machine)
    assert before == engine.run([TableRun(plain, 3, 16)], machine)
    asked.clear()
    slower = machine.with_value("atomics.store_only_cycles", 99.0)
    assert engine.run([TableRun(recalled, 3, 16)], slower).ticks > before.ticks
    assert not asked, "it was traced again for other machine numbers"
    assert (recalled.kind == plain.kind).all()
    assert asked


def test_traces_are_recalled_within_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    small = ByteCache[Trace](1, trace_bytes)
    monkeypatch.setattr(trace, "_traces", small)
    workload = Workload(
        operation="fork", memory_bytes=7 * 4096, folio_orders={0: 1.0}, state="writable"
    )
    found = [
        trace_runs(built_in()[name], workload, "arm64", range_tlbi=False)[0].trace
        for name in ("v6.7", "folio-batch-v6.9")
    ]
    assert len(small) == 1
    assert len(found[0].kind) == len(found[0])
