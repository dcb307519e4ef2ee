"""A table is walked once for all builds that know the same events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from costmodel import api
from costmodel.code.events import Step
from costmodel.experiment.pace import exact_seconds
from costmodel.operations.shared import trace
from costmodel.strategies.builds import builds_on
from costmodel.strategies.catalogue import built_in
from costmodel.strategies.runs import trace_runs


def test_other_builds_take_the_same_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    walks = []

    def walk(*arguments: object) -> object:
        walks.append(arguments)
        return plain(*arguments)  # type: ignore[arg-type]

    plain = trace.table_yields
    monkeypatch.setattr(trace, "table_yields", walk)
    cell = api.cell("ampere-altra", "folio-batch-v6.9", memory="6 MiB")
    strategy = built_in("fork")[cell.strategy]
    builds = builds_on(strategy, cell.workload, "arm64")[:2]
    times = [exact_seconds(replace(cell, build=build)) for build in builds]
    assert len(walks) == 1
    assert times[0] != times[1]


def test_a_function_that_is_another_is_walked_itself() -> None:
    v6_7 = built_in("fork")["v6.7"]

    def twice(fork: object) -> Iterator[Step]:
        for step in v6_7.function(fork):
            assert isinstance(step, Step)
            yield step
            if step.event == "read":
                yield step

    workload = api.cell("ampere-altra", "v6.7", memory="2 MiB").workload
    once, doubled = (
        trace_runs(strategy, workload, "arm64", range_tlbi=False)
        for strategy in (v6_7, replace(v6_7, function=twice))
    )
    assert once[0].trace.kinds() != doubled[0].trace.kinds()
