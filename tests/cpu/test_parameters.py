"""Numbers that a program does not look at change nothing, so its answer may be used again."""

from __future__ import annotations

from collections import OrderedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.code.trace import TableRun, Trace
from costmodel.cpu import engine
from costmodel.cpu.parameters import ONLY_FOR, parameters_of, relevant
from costmodel.cpu.program import program_of

from .build import ALTRA, XEON, alu, load, machine, trace_of
from .draw import ARM64, X86, traces


@settings(max_examples=40, deadline=None)
@given(
    st.one_of(
        st.tuples(st.just(ALTRA), traces(ARM64, max_size=20, turns=2)),
        st.tuples(st.just(XEON), traces(X86, max_size=20, turns=2)),
    ),
    st.integers(1, 999),
)
def test_only_some_micro_ops_look_at_some_numbers(drawn: tuple[object, Trace], other: int) -> None:
    on, trace = drawn
    parameters = parameters_of(on)  # type: ignore[arg-type]
    runs = [TableRun(trace, 2, 1)]
    priced = engine.priced_programs(runs, on, parameters)  # type: ignore[arg-type]
    ops = program_of(trace, on).ops  # type: ignore[arg-type]
    changed = {
        name: 1 - parameters.tlbi_posted if name == "tlbi_posted" else other
        for name, users in ONLY_FOR.items()
        if not ops & set(users)
    }
    others = parameters._replace(**changed)
    assert relevant(others, ops) == relevant(parameters, ops)
    assert engine._tables(runs, priced, others) == engine._tables(runs, priced, parameters)


def test_an_answer_is_used_again_only_where_nothing_that_matters_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "_known", OrderedDict())
    runs = [TableRun(trace_of([load(0), alu(0)]), 3, 1)]
    before = engine.run(runs, ALTRA)
    assert engine.run(runs, machine(ALTRA, atomics__cas_cycles=77.0)) == before
    assert len(engine._known) == 1
    assert engine.run(runs, machine(ALTRA, caches__l1__latency_cycles=9.0)).ticks > before.ticks
    assert engine.run([TableRun(runs[0].trace, 4000, 1)], ALTRA).ticks > before.ticks
    assert len(engine._known) == 3
