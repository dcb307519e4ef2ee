"""Damaged input files are read, or refused line by line; nothing else ever happens."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from costmodel.config.errors import ConfigError
from costmodel.config.machine import load_machine
from costmodel.config.overrides import load_with_overrides
from costmodel.config.scenario import load_scenario
from costmodel.files import json_text
from costmodel.plan import plan
from costmodel.results.compare import compare_files
from costmodel.results.plots.ascii import ascii_chart
from costmodel.results.plots.draw import draw
from costmodel.results.reading import read_results
from costmodel.results.tables import results_csv, results_markdown
from costmodel.results.text.comparison import comparison_text
from costmodel.strategies.resolve import known_names
from tests.hostile.mutations import LONG, damaged_data, damaged_text, examples
from tests.results.made import four_strategies

TOP = Path(__file__).parents[2]
MACHINE = (TOP / "machines" / "apple-m2-vm.yaml").read_text()
SCENARIO = """\
title: a scenario
operation: fork
memory: 4 MiB
state: writable
machines: [ampere-altra, xeon-4210r]
folio_orders: [0, 9, {0: 50%, 4: 50%}]
frames: contiguous
contpte: false
cpus: 1
baseline: v6.7
strategies: [folio-batch-v6.9, folio-batch-v6.12]
protocol: {runs: 2, iterations: 3, seed: 1}
overrides: {ampere-altra.tlbi.range: true}
"""
RESULTS = four_strategies()
WHOLE = {
    ".json": " (is (no JSON|nested too deeply)|has no operations)",
    ".txt": " (is no text of `perf report|has (no|entries of more)|lacks the column)",
    ".smaps": " (holds no mapping|has no anonymous memory)",
}
"""What can be wrong with a file as a whole, by its suffix."""
USUAL = 25
hostile = settings(
    max_examples=examples(USUAL),
    deadline=None,
    derandomize=not LONG,  # `make test` tries the same every time
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def refusal(read: Callable[[Path], object], file: Path, text: str) -> list[str]:
    """Return the lines with which a damaged file is refused; none where it is read."""
    file.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
    try:
        read(file)
    except ConfigError as error:
        lines = [str(fault) for fault in error.faults]
        assert lines and all(line.isprintable() for line in lines)
        assert all(map(with_place(file), lines)), lines
        return lines
    return []


def with_place(file: Path) -> Callable[[str], bool]:
    """Return a function that tells whether a line names a line and a column of the file.

    What is wrong with a file as a whole, so that it has no values, needs none.
    """
    whole = WHOLE.get(file.suffix, r"\d+:\d+: ")
    place = re.compile(rf"{re.escape(str(file))}:(\d+:\d+: |{whole})")
    return lambda line: place.match(line) is not None


def dumped(data: object) -> str:
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def yaml_texts(text: str) -> st.SearchStrategy[str]:
    return st.one_of(damaged_text(text), damaged_data(yaml.safe_load(text)).map(dumped))


@given(yaml_texts(MACHINE))
@hostile
def test_machine_files(tmp_path: Path, text: str) -> None:
    file = tmp_path / "machine.yaml"
    refusal(lambda path: load_machine(str(path)), file, text)


def planned(path: Path) -> object:
    names = known_names()
    scenario = load_scenario(str(path), strategies=names)
    return plan(*load_with_overrides(scenario, [], strategies=names))


@given(yaml_texts(SCENARIO))
@hostile
def test_scenario_files(tmp_path: Path, text: str) -> None:
    refusal(planned, tmp_path / "scenario.yaml", text)


def test_what_gets_damaged_is_whole_before(tmp_path: Path) -> None:
    assert not refusal(lambda path: load_machine(str(path)), tmp_path / "machine.yaml", MACHINE)
    assert not refusal(planned, tmp_path / "scenario.yaml", SCENARIO)
    assert not refusal(read_results, tmp_path / "results.json", json.dumps(RESULTS))


json_texts = st.one_of(
    damaged_data(RESULTS).map(lambda data: json.dumps(data, indent=1)),
    damaged_text(json.dumps(RESULTS, indent=1)),
)


@given(json_texts, st.sampled_from(("change", "order", "stack", "text")))
@example(json.dumps(RESULTS), "text")
@hostile
def test_result_files(tmp_path: Path, text: str, kind: str) -> None:
    """What is read can be drawn, written, and compared with an undamaged file."""
    whole = tmp_path / "whole.json"
    whole.write_text(json.dumps(RESULTS))

    def shown(path: Path) -> None:
        results = read_results(path)
        if kind == "text":
            assert read_results(whole).cells
            ascii_chart(results)
            results_csv(results)
            results_markdown(results)
            assert json_text(results.data())
            names = (str(path), str(path))
            comparison_text(compare_files(read_results(whole), results, names=names), names=names)
        else:
            drawn(results, kind)

    refusal(shown, tmp_path / "results.json", text)


def drawn(results: Any, kind: str) -> None:
    """Draw results; a picture of orders needs two of them."""
    try:
        draw(results, kind)
    except ConfigError as error:
        assert str(error).startswith("--kind order")


@pytest.mark.parametrize("place", ["model_interval_pct90", "strategy", "folio_orders", "stack"])
def test_the_smallest_damages_that_once_ended_in_a_traceback(tmp_path: Path, place: str) -> None:
    data = four_strategies()
    changes: dict[str, Callable[[Any], object]] = {
        "model_interval_pct90": lambda cell: cell["model_interval_pct90"].pop(),
        "strategy": lambda cell: cell.update(strategy=0),
        "folio_orders": lambda cell: cell["folio_orders"].clear(),
        "stack": lambda cell: cell["cpi_stack_ns_per_pte"].update(tlbi="much"),
    }
    changes[place](data["cells"][3])
    file = tmp_path / "results.json"
    lines = refusal(read_results, file, json.dumps(data, indent=1))
    assert len(lines) == 1 and "cells[3]." in lines[0]
