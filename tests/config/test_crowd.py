"""How many CPUs are at work, as scenarios and ``--set`` say it: one count or several."""

from __future__ import annotations

import re

import pytest

from costmodel.config.errors import ConfigError
from costmodel.config.overrides import load_with_overrides
from costmodel.config.scenario import Scenario, load_scenario
from costmodel.plan import plan

FORK = load_scenario("lkml-fork-cpus")


def counts(scenario: Scenario, *words: str) -> set[tuple[int, int]]:
    """Return the processes and threads of the cells of a scenario."""
    cells = plan(*load_with_overrides(scenario, list(words))).cells
    return {(cell.workload.cpus, cell.workload.threads) for cell in cells}


def test_lists_of_processes_and_of_threads_are_all_combined() -> None:
    asked = FORK.replace({"cpus": [1, 4], "threads": [1, 2, 8]})
    assert counts(asked) == {(n, threads) for n in (1, 4) for threads in (1, 2, 8)}
    assert counts(FORK, "cpus=2,16") == {(2, 1), (16, 1)}


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("cpus=1,1", "cpus[1]: stands in the list already"),
        ("cpus=0,8", "must be at least 1"),
        ("threads=2,many", "must be an integer"),
        ("cpus=32,81", "must be at most 80, the CPUs of ampere-altra"),
        ("between_stdev_pct=-1", "between_stdev_pct"),
        ("between_stdev_pct=301", "between_stdev_pct"),
    ],
)
def test_counts_that_cannot_be_are_refused(word: str, says: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(says)):
        counts(FORK, word)
