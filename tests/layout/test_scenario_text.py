"""The scenario that a layout becomes: the loader takes it, and it says what was found."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.config.scenario import Scenario, default_scenario, load_scenario
from costmodel.layout.found import ProcessLayout
from costmodel.layout.scenario_text import scenario_text
from costmodel.operations.registry import operation_named, operation_names


def loaded(directory: Path, operation: str = "fork", **found: Any) -> Scenario:
    usual: dict[str, Any] = {
        "name": "redis-server (process 42)", "mappings": 9, "copied": 4, "memory_bytes": 1 << 30,
        "pmd_bytes": 0, "orders": {0: 1.0},
    }  # fmt: skip
    file = directory / "redis.yaml"
    layout = ProcessLayout(**(usual | found))
    file.write_text(scenario_text(layout, ["epyc-zen5"], operation, "today"))
    return load_scenario(str(file))


def test_memory_orders_and_state(tmp_path: Path) -> None:
    found = loaded(tmp_path, orders={0: 0.6204, 4: 0.3791, 9: 0.0005}, exclusive=0.2)
    assert found.memory == 1 << 30 and found.state == "read-only"
    assert found.folio_orders == ({0: 0.621, 4: 0.379},)
    assert found.frames == "contiguous", "the default: nothing is known"


@pytest.mark.parametrize("operation", operation_names())
def test_every_operation_is_compared_with_its_own_baseline(operation: str, tmp_path: Path) -> None:
    """The first kernel whose mprotect was recorded is v6.12: its scenario once named v6.7."""
    found = loaded(tmp_path, operation, exclusive=1.0)
    assert found.baseline == default_scenario(operation).baseline


def test_holes_are_part_of_the_mapping(tmp_path: Path) -> None:
    found = loaded(tmp_path, memory_bytes=64 << 20, pmd_bytes=64 << 20, holes=0.75)
    assert found.memory == (256 + 64) << 20 and found.holes == 0.6
    assert found.folio_orders == ({0: 0.5, 9: 0.5},)
    lies: dict[str, Any] = {"alone": 1.0, "span_bytes": 1 << 20}
    sparse = loaded(tmp_path, memory_bytes=1 << 20, holes=0.99, **lies)
    assert sparse.frames_over == 1 << 20 < sparse.memory


def test_all_may_be_mapped_by_pmds(tmp_path: Path) -> None:
    found = loaded(tmp_path, memory_bytes=0, pmd_bytes=1 << 30, orders={}, alone=1.0)
    assert (found.memory, found.mapped, found.holes) == (1 << 30, "pmd", 0)
    assert found.folio_orders == ({9: 1.0},) and found.frames == "scattered"


def test_what_pmds_map_is_part_of_it_where_that_can_be_priced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: dict[str, Any] = {
        "memory_bytes": 1 << 30,
        "pmd_bytes": 3 << 30,
        "orders": {0: 0.5, 9: 0.5},
    }
    fork = loaded(tmp_path, **found)
    assert (fork.memory, fork.mapped) == (4 << 30, "pmd")
    assert fork.folio_orders == ({0: 0.125, 8: 0.125, 9: 0.75},)
    assert "Folios of 2 MiB that PTEs map count as order 8" in (tmp_path / "redis.yaml").read_text()
    lies = loaded(tmp_path, alone=0.3, run_bytes=8192, span_bytes=1 << 34, **found).frames
    assert lies == "30% scattered, runs of 1 MiB", "of what PTEs map"
    monkeypatch.setattr(type(operation_named("fork")), "maps_pmds", lambda *_: False)
    without = loaded(tmp_path, **found)
    assert (without.memory, without.mapped) == (1 << 30, "pte")
    assert "Another 3 GiB is mapped by PMDs" in (tmp_path / "redis.yaml").read_text()


@pytest.mark.parametrize("operation", operation_names())
def test_mappings_count_where_they_are_copied(operation: str, tmp_path: Path) -> None:
    copied = operation in ("fork", "spawn")
    assert loaded(tmp_path, operation, mappings=1234).vmas == (1234 if copied else None)


@pytest.mark.parametrize(
    ("alone", "run", "frames"),
    [
        (1.0, None, "scattered"),
        (0.0, 64 << 20, "contiguous"),
        (0.3, 100 << 10, "30% scattered, runs of 64 KiB"),
        (0.0, 8192, "0.1% scattered, runs of 8 KiB"),
    ],
)
def test_frames(alone: float, run: int | None, frames: str, tmp_path: Path) -> None:
    found = loaded(tmp_path, alone=alone, run_bytes=run, span_bytes=4 << 30)
    assert found.frames == frames
    assert found.frames_over == (None if frames == "contiguous" else 4 << 30)


@settings(max_examples=25, deadline=None)
@given(
    st.dictionaries(st.sampled_from([0, 2, 3, 4, 6, 9]), st.integers(1, 1000), min_size=1),
    st.floats(0, 1),
    st.integers(2, 1 << 20),
)
def test_whatever_was_found_can_be_loaded(
    weights: dict[int, int], alone: float, run_pages: int
) -> None:
    import tempfile

    total = sum(weights.values())
    orders = {order: weight / total for order, weight in weights.items()}
    with tempfile.TemporaryDirectory() as folder:
        found = loaded(
            Path(folder), orders=orders, alone=alone, run_bytes=4096 * run_pages, span_bytes=1 << 33
        )
    assert set(found.folio_orders[0]) <= set(orders)
