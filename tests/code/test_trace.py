"""Traces that are made later: nobody makes them for what was asked before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from costmodel import api, disk_cache
from costmodel.code.trace import TableRun, Trace, later
from costmodel.code.uops import Kind, Target
from costmodel.disk_cache import ByteCache, forget
from costmodel.experiment import Cell, exact_seconds, executed
from costmodel.operations.fork.per_pte import copy_per_pte
from costmodel.operations.registry import operation_named
from costmodel.operations.shared import trace as shared_trace
from costmodel.operations.zap import trace as zap_trace


def trace(kinds: Sequence[Kind]) -> Trace:
    rows = len(kinds)
    return Trace(
        kind=np.array(kinds, np.uint8),
        subkind=np.zeros(rows, np.uint8),
        inputs=np.full((rows, 5), -1, np.int32),
        address=np.arange(rows, dtype=np.int64) * 48,
        size_bytes=np.full(rows, 8, np.int16),
        target=np.full(rows, Target.SRC, np.uint8),
        taken=np.full(rows, -1, np.int8),
        site=np.zeros(rows, np.int32),
        step_start=np.zeros(1, np.int32),
        step_id=np.zeros(1, np.int32),
        step_names=("read",),
        segments=(("copy", 0, rows),),
    )


def test_it_is_made_when_a_column_is_asked_for() -> None:
    made: list[Trace] = []

    def make() -> Trace:
        made.append(trace([Kind.LOAD, Kind.STORE, Kind.LOAD]))
        return made[-1]

    promised = later(("test_trace", "three"), make)
    assert promised.token == later(("test_trace", "three"), make).token and not made
    assert promised.kinds() == {"load": 2, "store": 1} and made
    count = len(made)
    again = later(("test_trace", "three"), make)
    assert again.kinds() == {"load": 2, "store": 1}
    assert again.touches(Target.SRC) and not again.touches(Target.DST)
    assert again.lines == 2
    assert len(made) == count
    assert len(again) == 3 and len(made) > count


def refused(*_: object) -> Trace:
    raise AssertionError("nobody asked for a column")


def test_to_keep_it_does_not_make_it() -> None:
    promised = later(("test_trace", "kept"), refused)
    kept = ByteCache(1 << 20)
    assert kept.get("runs", lambda: (TableRun(promised, 1, 512),))[0].trace is promised
    assert kept.bytes == 0


@pytest.mark.parametrize(
    ("maker", "question"),
    [
        (shared_trace, {"strategy": "folio-batch-v6.9"}),
        (zap_trace, {"strategy": "folio-batch-v6.12", "state": "exit"}),
        (zap_trace, {"strategy": "v6.7", "state": "munmap", "frames": "scattered"}),
        (shared_trace, {"strategy": "v6.7", "overrides": {"mapped": "pmd"}}),
    ],
)
def test_the_next_process_prices_other_numbers_without_making_it(
    maker: ModuleType, question: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COSTMODEL_CACHE", str(tmp_path))
    monkeypatch.setattr(disk_cache._made, "values", 0)
    operation = "zap" if maker is zap_trace else "fork"
    asked = api.cell("ampere-altra", operation=operation, memory="4 MiB", order=9, **question)
    forget()
    before = exact_seconds(asked)
    forget()
    for name in ("_trace", "_traced", "_release"):
        if hasattr(maker, name) and (maker, name) != (zap_trace, "_trace"):
            monkeypatch.setattr(maker, name, refused)
    other = asked.machine.with_value("caches.l1.latency_cycles", 7.0)
    assert exact_seconds(replace(asked, machine=other)) != before
    forget()


def test_a_changed_copy_has_columns_of_its_own() -> None:
    promised = later(("test_trace", "copied"), lambda: trace([Kind.LOAD, Kind.LOAD]))
    copy = replace(promised, kind=np.array([Kind.STORE, Kind.STORE], np.uint8))
    assert copy.kinds() == {"store": 2}
    assert copy.token != promised.token
    assert copy.line.tolist() == [0, 0]


def test_only_what_every_process_would_make_alike_has_a_name() -> None:
    """A user's function, and one that stands in for a shipped one, may do anything."""
    (run,) = executed(cell())
    assert isinstance(run.trace.token, str)
    shipped = operation_named("fork").strategies()[0]
    assert shipped.shipped_source

    @wraps(copy_per_pte)
    def another(fork: object) -> None:
        raise NotImplementedError

    assert (another.__module__, another.__name__) == (copy_per_pte.__module__, "copy_per_pte")
    for function in (another, cell):
        assert replace(shipped, function=function).shipped_source is None  # type: ignore[arg-type]


@pytest.mark.parametrize("strategy", ["v6.7", "folio-batch-v6.12", "contpte-per-pte"])
def test_the_columns_are_those_of_the_strategy(strategy: str) -> None:
    (run,) = executed(cell(strategy))
    assert len(run.trace) == sum(run.trace.kinds().values())
    assert run.trace.lines == len(np.unique(run.trace.line))


def cell(strategy: str = "v6.7") -> Cell:
    return api.cell("ampere-altra", strategy, memory="2 MiB", order=9)
