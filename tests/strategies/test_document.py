"""The examples of docs/strategies.md run."""

from __future__ import annotations

from pathlib import Path

import pytest

from costmodel.checking.check import check_strategy, standard_layouts
from costmodel.checking.subjects import find_subjects
from costmodel.config.workload import Workload
from costmodel.strategies import fork as k
from costmodel.strategies.catalogue import built_in
from costmodel.strategies.resolve import resolve
from costmodel.strategies.runs import trace_runs
from tools.examples import FILE

DOCUMENT = Path(__file__).parents[2] / "docs" / "strategies.md"
EXAMPLE = "\n".join(text for _, text in FILE.findall(DOCUMENT.read_text()))
FUNCTIONS = [line[4:].split("(")[0] for line in EXAMPLE.splitlines() if line.startswith("def ")]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my_patch.py"
    path.write_text(EXAMPLE)
    return path


@pytest.mark.parametrize("order", [0, 9])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_examples_can_be_priced(function: str, order: int, file: Path) -> None:
    strategy = resolve(f"{file}:{function}")
    workload = Workload(
        operation="fork", memory_bytes=2 << 20, folio_orders={order: 1.0}, state="writable"
    )
    (run,) = trace_runs(strategy, workload, "arm64", range_tlbi=False)
    assert sum(run.trace.kinds().values()) > 512 * 30


@pytest.mark.parametrize("function", FUNCTIONS)
def test_examples_are_sane(function: str, file: Path) -> None:
    (subject,) = find_subjects([f"{file}:{function}"])
    assert check_strategy(subject, standard_layouts(10, 0)).passed


def test_every_built_in_strategy_is_described() -> None:
    text = DOCUMENT.read_text()
    for name in built_in():
        assert f"`{name}`" in text or f"`-{name.rpartition('-')[2]}`" in text, name


def test_every_event_is_described() -> None:
    from costmodel.code.library import load_library
    from costmodel.recorder import recorded_names

    events = {now for n in recorded_names("fork") for _, now in load_library("fork", n).choices}
    text = DOCUMENT.read_text()
    missing = {event for event in events if f"`{event}`" not in text}
    assert missing == {"clear_dst", "restore_dst"}  # "same with _dst"


def test_the_public_names_exist() -> None:
    assert all(hasattr(k, name) for name in k.__all__)
    assert sorted(k.__all__) == sorted(set(k.__all__))
