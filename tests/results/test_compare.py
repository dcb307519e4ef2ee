"""Two result files: what may be compared, and what is significant."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.config.errors import ConfigError
from costmodel.results.compare import FileComparison, compare_files
from costmodel.results.reading import read_results
from costmodel.results.tables import comparison_markdown, comparisons_markdown
from costmodel.results.text.comparison import comparison_text
from costmodel.results.text.comparisons import comparisons_text
from tests.results.made import cell, document, results_of, versus

NAMES = ("old.json", "new.json")


def compared(tmp_path: Path, old: dict[str, Any], new: dict[str, Any]) -> FileComparison:
    files = []
    for name, data in zip(NAMES, (old, new), strict=True):
        (tmp_path / name).write_text(json.dumps(data))
        files.append(read_results(tmp_path / name))
    return compare_files(files[0], files[1], names=NAMES)


BOTH = versus(0.005, ("folio-batch-v6.9", 0.004))


@pytest.mark.parametrize("noise", [True, False])
def test_a_file_against_itself_shows_nothing(tmp_path: Path, noise: bool) -> None:
    data = document(cell("v6.7", 0.005, noise=noise), noise=noise)
    result = compared(tmp_path, data, data)
    assert not any(each.is_significant for each in result.cells)
    assert result.geomean_pct == pytest.approx(0)
    assert result.regressions(0) == []
    text = comparison_text(result, names=NAMES)
    assert " ~ " in text and max(map(len, text.splitlines())) <= 76


def test_a_slower_cell_is_seen(tmp_path: Path) -> None:
    new = versus(0.005, ("folio-batch-v6.9", 0.0044))
    result = compared(tmp_path, BOTH, new)
    first, second = result.cells
    assert not first.is_significant and second.is_significant
    assert second.change.mean_pct == pytest.approx(10)
    assert result.geomean_pct == pytest.approx(100 * (1.1**0.5 - 1))
    assert result.regressions(5) == [second] and result.regressions(11) == []
    assert result.paired


def test_another_seed_is_compared_by_welch_and_sees_less(tmp_path: Path) -> None:
    old, new = cell("v6.7", 0.005), cell("v6.7", 0.005005)
    paired = compared(tmp_path, document(old), document(new))
    welch = compared(tmp_path, document(old), document(new, seed=2))
    assert paired.paired and not welch.paired
    assert paired.cells[0].is_significant and not welch.cells[0].is_significant


def test_cells_of_one_file_only_are_listed(tmp_path: Path) -> None:
    new = document(cell("v6.7", 0.005), cell("v6.7", 0.005, order=4))
    result = compared(tmp_path, BOTH, new)
    assert [only.strategy for only in result.old_only] == ["folio-batch-v6.9"]
    assert [only.layout for only in result.new_only] == ["order-4"]
    text = comparison_text(result, names=NAMES)
    assert "Only in old.json: ampere-altra order-9 folio-batch-v6.9." in text


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("memory_bytes", 1 << 31),
        ("operation", "zap"),
        ("state", "read-only"),
        ("frames", "scattered"),
        ("contpte", False),
        ("iterations", 50),
    ],
)
def test_what_differs_in_kind_is_refused_with_the_reason(
    tmp_path: Path, key: str, value: object
) -> None:
    new = copy.deepcopy(BOTH)
    for each in new["cells"]:
        each[key] = value
    with pytest.raises(ConfigError, match=f"{key}: cannot be compared") as error:
        compared(tmp_path, BOTH, new)
    assert len(error.value.faults) == 1


def test_what_is_set_in_one_file_alone_is_said() -> None:
    """Sleeping and busy threads once stood beside each other as if one question had been asked."""
    files = [
        results_of(document(cell("v6.7", 0.005) | {"settings": ["4 threads", *settings]}))
        for settings in (["other threads busy"], ["other threads idle", "core.width=3"], [])
    ]
    same, other, fewer = (compare_files(files[0], file, names=NAMES) for file in files)
    said = " ".join(comparison_text(other, names=NAMES).split())
    assert (
        "caution: other settings, which are part of the change: other threads busy in the old "
        "file; other threads idle, core.width=3 in the new file." in said
    )
    assert "core.width=3 in the new file" in comparison_markdown(other, names=NAMES)
    several = ("a.json", "b.json", "c.json")
    for shown in (comparisons_text, comparisons_markdown):
        text = " ".join(shown([other, fewer], names=several).split())
        assert text.count("caution") == 2 and "c.json: caution" in text
    assert "caution" not in comparison_text(same, names=NAMES)


def test_noise_on_and_off_is_refused(tmp_path: Path) -> None:
    new = document(cell("v6.7", 0.005, noise=False), noise=False)
    with pytest.raises(ConfigError, match=r"noise: cannot be compared: on in old\.json"):
        compared(tmp_path, BOTH, new)


def test_nothing_in_common_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no cell"):
        compared(tmp_path, BOTH, document(cell("v6.7", 0.005, order=4)))


@given(st.floats(0.5, 2.0))
@settings(deadline=None, max_examples=25)
def test_a_change_of_all_cells_is_the_geometric_mean(factor: float) -> None:
    old = versus(0.005, ("b", 1.0), noise=False)
    new = versus(0.005 * factor, ("b", factor), noise=False)
    files = [results_of(data) for data in (old, new)]
    result = compare_files(files[0], files[1], names=NAMES)
    assert result.geomean_pct == pytest.approx(100 * (factor - 1), abs=1e-9)
    significant = abs(factor - 1) > 2e-4
    if significant:
        assert all(each.is_significant for each in result.cells)


def without(key: str) -> dict[str, Any]:
    data = copy.deepcopy(BOTH)
    del data["cells"][1][key]
    return data


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1:1: is no JSON"),
        ("{\n  'a': 1}", ":2:3: is no JSON"),
        ("[]", "must be a JSON object (got a list)"),
        ('{"schema": 2}', "schema: must be 1: no other schema is known here (got 2"),
        ("{}", "schema: must be 1"),
        ('{"schema": 1, "cells": [NaN]}', "NaN is no number"),
        ('{"schema": 1, "kind": "explanation"}', "is no result file"),
        ("[" * 100_000, "is nested too deeply"),
        (json.dumps(without("seconds")), "cells[1].seconds: missing key"),
        ('{"schema": 1, "schema": 1}', "the key 'schema' stands twice"),
        ('{"schema": 1,\n "cells": [{"strategy": 7}]}', ":2:25: cells[0].strategy: must be text"),
        (json.dumps(document(cell("v6.7", -1.0, noise=False))), "must be more than 0"),
        (json.dumps(document()), "cells: must not be empty"),
        (json.dumps(document(*BOTH["cells"] * 2)), "cells[2]: the same machine, layout, CPUs and"),
    ],
)
def test_a_bad_file_has_one_clear_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "bad.json"
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        read_results(file)
    assert any(message in line for line in str(error.value).splitlines())
    assert all(line.startswith(str(file)) for line in str(error.value).splitlines())


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_results(tmp_path / "nothing.json")
    binary = tmp_path / "binary.json"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is no JSON"):
        read_results(binary)
