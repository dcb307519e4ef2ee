"""Reading result files: what pictures take from them, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from costmodel.config.errors import ConfigError
from costmodel.results.plots.results import Results, layout_title, read_results, results_of

MakeDocument = Callable[..., dict[str, Any]]
MakeResults = Callable[..., Results]


def test_a_file_is_read(make_document: MakeDocument, tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    file.write_text(json.dumps(make_document()))
    results = read_results(file)
    assert results.machines == ("ampere-altra", "apple-m2-vm")
    assert results.layouts == ("order-0", "order-9")
    assert results.strategies[0] == "v6.7"
    assert results.case == "fork of 1 GiB (writable)"
    assert results.origin == "8 runs x 100 iterations, seed 1, costmodel 1.2.3"
    storm = results.panel("ampere-altra", "order-9")[-1]
    assert storm.change_pct == pytest.approx(5110.5, abs=0.1)
    assert storm.published[0].change_pct == 3654.4 and storm.published[0].fitted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no json", "got no JSON"),
        ("[]", "must be a result file of schema 1"),
        ('{"schema": 2}', "must be a result file of schema 1"),
        ('{"schema": 1, "cells": []}', "holds no cells"),
        ('{"schema": 1, "cells": [{}], "provenance": {}}', "no complete result file"),
    ],
)
def test_other_files_are_refused(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message) as error:
        read_results(file)
    assert str(file) in str(error.value)


def test_a_measurement_printed_twice_is_shown_once(make_document: MakeDocument) -> None:
    document = make_document(["ampere-altra"], (9,))
    rows = document["cells"][1]["published"]
    rows.append({**rows[0], "id": "T12/1", "repeats": rows[0]["id"]})
    (entry,) = (e for e in results_of(document).entries if e.strategy == "folio-batch-prototype")
    assert [point.table for point in entry.published] == ["T11", "T10"]


def test_only_keeps_what_is_named_and_the_baseline(results: MakeResults) -> None:
    chosen = results().only(machines=["apple-m2-vm"], strategies=["contpte-per-pte"], orders=["9"])
    assert [(e.machine, e.strategy, e.order) for e in chosen.entries] == [
        ("apple-m2-vm", "v6.7", 9),
        ("apple-m2-vm", "contpte-per-pte", 9),
    ]
    with pytest.raises(ConfigError, match=r"--order: not in these results, which have 0, 9"):
        results().only(orders=["4"])


def test_a_mix_is_named_by_its_shares(make_document: MakeDocument) -> None:
    document = make_document(["ampere-altra"], (9,))
    for cell in document["cells"]:
        cell["folio_orders"] = {"0": 0.5, "4": 0.5}
    results = results_of(document)
    assert results.layouts == ("0: 50%, 4: 50%",)
    assert results.entries[0].order is None


def test_layouts_are_shown_with_their_size() -> None:
    assert layout_title("order-9") == "order-9 (2 MiB)"
    assert layout_title("0: 50%, 4: 50%") == "0: 50%, 4: 50%"
