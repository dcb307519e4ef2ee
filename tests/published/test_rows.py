"""The published rows: complete, mapped or excused, few of them fitted."""

from importlib.resources import files

import pytest
import yaml
from pydantic import ValidationError

from costmodel.config.document import parse_document
from costmodel.published import Metric, Role, all_rows, matching, tables
from costmodel.published.rows import Row, implied_change_pct, parse

ROWS = all_rows()
MAPPED = [row for row in ROWS if row.role is not None]
GIB = 1 << 30


def test_every_row_of_the_thread_is_there_once() -> None:
    assert len(ROWS) == 117
    assert len({row.id for row in ROWS}) == len(ROWS)


def test_the_file_is_strict_yaml() -> None:
    text = files("costmodel.published").joinpath("rows.yaml").read_text()
    document = parse_document(text, "rows.yaml")
    assert document.faults == []
    assert document.data == yaml.safe_load(text)


def test_at_most_half_of_the_mapped_rows_are_fitted() -> None:
    roles = [row.role for row in MAPPED]
    assert 0 < roles.count(Role.FIT) <= len(roles) // 2
    assert {row.machine for row in MAPPED if row.role is Role.FIT} == {
        "apple-m2-vm",
        "ampere-altra",
        "xeon-4210r",
    }


def test_no_fitted_row_is_a_repetition_or_a_definition() -> None:
    for row in MAPPED:
        if row.role is Role.FIT:
            assert row.repeats is None
            assert not row.is_zero_by_definition


def test_the_old_compiler_and_the_m2_layout_rows_are_only_a_band() -> None:
    for row in MAPPED:
        old = "original compiler" in row.variant or row.table in {"T15a", "T15c"}
        assert (row.role is Role.BAND) == old, row.id


def test_rows_without_a_strategy_say_why() -> None:
    unmapped = [row for row in ROWS if row.role is None]
    assert {row.table for row in unmapped} == {"T09", "T10", "T11"}
    assert all(row.unmapped and len(row.unmapped) > 40 for row in unmapped)


def test_repetitions_name_an_earlier_row_of_the_same_cell() -> None:
    by_id = {row.id: row for row in ROWS}
    repeated = [row for row in ROWS if row.repeats]
    assert len(repeated) > 10
    for row in repeated:
        first = by_id[row.repeats or ""]
        assert (first.machine, first.order, first.strategy) == (
            row.machine,
            row.order,
            row.strategy,
        )
        if first.metric is row.metric:
            assert (first.mean, first.stdev) == (row.mean, row.stdev)


def test_a_source_can_be_looked_up() -> None:
    for table in tables():
        assert table.message_ids or "20 Dec 2023" in table.source, table.table
    assert ROWS[-1].citation.endswith("<de975655-8f8f-40dc-b281-75c40dd1e2c1@arm.com>")


def test_the_headline_row_is_found_for_its_cell() -> None:
    (row,) = matching(
        machine="ampere-altra",
        operation="fork",
        state="writable",
        memory_bytes=GIB,
        order=9,
        strategy="contpte-per-pte",
        baseline="v6.7",
    )
    assert (row.mean, row.metric, row.role) == (3654.4, Metric.REL_PCT, Role.FIT)


def on_the_4210r(
    *,
    order: int = 4,
    memory_bytes: int = GIB,
    state: str = "writable",
    cpus: int = 1,
    baseline: str = "v6.7",
) -> tuple[Row, ...]:
    return matching(
        machine="xeon-4210r",
        operation="fork",
        state=state,
        memory_bytes=memory_bytes,
        order=order,
        strategy="folio-batch-v6.9",
        baseline=baseline,
        cpus=cpus,
    )


def test_nothing_is_published_for_another_workload() -> None:
    assert on_the_4210r()
    assert not on_the_4210r(order=2)
    assert not on_the_4210r(memory_bytes=GIB // 2)
    assert not on_the_4210r(state="read-only")
    assert not on_the_4210r(cpus=2)


def test_a_change_is_shown_only_against_its_own_baseline() -> None:
    assert {row.metric for row in on_the_4210r()} == {Metric.SECONDS, Metric.REL_PCT}
    assert {row.metric for row in on_the_4210r(baseline="v6.9")} == {Metric.SECONDS}


def test_seconds_imply_a_change_within_their_own_table() -> None:
    (seconds,) = [row for row in on_the_4210r() if row.metric is Metric.SECONDS]
    assert implied_change_pct(seconds, "v6.7") == pytest.approx(100 * (0.010444 / 0.014046 - 1))
    assert implied_change_pct(seconds, "no-such-baseline") is None


def test_a_row_with_neither_strategy_nor_reason_is_refused() -> None:
    raw = {
        "table": "T99",
        "source": "a mail",
        "message_ids": [],
        "date": "2024-01-01",
        "operation": "fork",
        "memory_mib": 1024,
        "rows": [{"machine": "m", "metric": "rel_pct", "mean": 1.0, "variant": "x"}],
    }
    with pytest.raises(ValidationError, match="T99/1"):
        parse({"reasons": {}, "tables": [raw]})
    assert Row.model_fields["unmapped"].default is None
