"""The shipped scenarios of several CPUs against published numbers: the table of docs/cpus.md."""

from __future__ import annotations

import pytest

from costmodel.config.overrides import load_with_overrides
from costmodel.config.scenario import load_scenario
from costmodel.cpus.contention import contention
from costmodel.experiment.cell import crowd_of
from costmodel.plan import plan


def throughput_per_s(scenario: str, strategy: str, **changes: object) -> float:
    """Return how often all CPUs together go round their loop."""
    scenario_, machines = load_with_overrides(load_scenario(scenario).replace(changes))
    (cell,) = (c for c in plan(scenario_, machines).cells if c.strategy == strategy)
    setup = crowd_of(cell)
    assert setup is not None
    return contention(setup).throughput_per_s


@pytest.mark.parametrize(
    ("threads", "published", "off_pct"),
    [(10, 479_110, -1), (25, 547_462, 8), (40, 612_288, -4), (55, 614_363, -7)],
)
def test_tlb_flush1(threads: int, published: int, off_pct: int) -> None:
    """Commit aa44284960d5, before its patch, on a 56-core Skylake."""
    found = throughput_per_s("lkml-tlb-flush", "v6.7", threads=threads)
    assert 100 * (found / published - 1) == pytest.approx(off_pct, abs=1.5)


@pytest.mark.parametrize(
    ("cpus", "published_pct", "found_pct"), [(8, -15.4, -16.0), (32, -65.8, -69.5)]
)
def test_contiguous_entries_unfolded_one_by_one(
    cpus: int, published_pct: float, found_pct: float
) -> None:
    """Table T01, <20230622144210.2623299-15-ryan.roberts@arm.com>, fork and exit in a loop."""
    new, base = (
        throughput_per_s("lkml-fork-cpus", strategy, cpus=cpus)
        for strategy in ("contpte-per-pte", "v6.7")
    )
    change_pct = 100 * (new / base - 1)
    assert change_pct == pytest.approx(found_pct, abs=0.5)
    assert abs(change_pct - published_pct) < 4
