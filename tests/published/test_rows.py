"""The published rows: complete, mapped or excused, few of them fitted."""

from importlib import import_module
from importlib.resources import files

import pytest
import yaml
from pydantic import ValidationError

from costmodel.config.document import parse_document
from costmodel.config.machine import load_machine
from costmodel.config.resources import names
from costmodel.published import (
    Metric,
    Role,
    Row,
    all_rows,
    implied_change_pct,
    matching,
    roles_of_times,
    rows_by_id,
    tables,
)
from costmodel.published.rows import parse

ROWS = all_rows()
MAPPED = [row for row in ROWS if row.role not in (None, Role.REPORT)]
REPORTED = [row for row in ROWS if row.role is Role.REPORT]
GIB = 1 << 30


def test_every_row_of_the_threads_and_of_the_reports_is_there_once() -> None:
    assert (len(MAPPED), len(REPORTED)) == (105, 70)
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
    assert {row.table for row in unmapped} == {"T01", "T05", "T09", "T10", "T11", "T31"}
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
    elsewhere = ("20 Dec 2023", "commit", "cover letter", "documentation", "issue", "report", "lcf")
    for table in tables():
        assert table.message_ids or any(word in table.source for word in elsewhere), table.table
    assert MAPPED[-1].citation.endswith("<de975655-8f8f-40dc-b281-75c40dd1e2c1@arm.com>")


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


def test_every_row_states_the_mitigations_of_its_kernels_or_that_they_are_unknown() -> None:
    assert Row.model_fields["mitigations"].is_required()
    silent = ROWS[0].model_dump(exclude={"mitigations"})
    with pytest.raises(ValidationError, match="mitigations"):
        Row.model_validate(silent)


def test_a_row_of_kernels_without_mitigations_stands_beside_no_stock_kernel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = on_the_4210r()
    off = tuple(row.model_copy(update={"mitigations": "off"}) for row in ROWS)
    module = import_module("costmodel.published.matching")
    monkeypatch.setattr(module, "all_rows", lambda: off)
    assert found and not on_the_4210r()


def test_a_row_with_neither_strategy_nor_reason_is_refused() -> None:
    raw = {
        "table": "T99",
        "source": "a mail",
        "message_ids": [],
        "date": "2024-01-01",
        "operation": "fork",
        "memory_mib": 1024,
        "mitigations": "unknown",
        "rows": [{"machine": "m", "metric": "rel_pct", "mean": 1.0, "variant": "x"}],
    }
    with pytest.raises(ValidationError, match="T99/1"):
        parse({"reasons": {}, "tables": [raw]})
    assert Row.model_fields["unmapped"].default is None


def test_a_report_says_who_answers_and_for_whom() -> None:
    for row in REPORTED:
        assert row.machine in names("machines"), row.id
        title = load_machine(row.machine).title
        assert row.measured_on not in (row.machine, title), row.id


def test_a_report_of_another_machine_stands_beside_no_answer() -> None:
    found = matching(
        machine="xeon-4210r", operation="mremap", state="moved", memory_bytes=GIB, order=0,
        strategy="v6.12", baseline="v6.12",
    )  # fmt: skip
    assert not found and not roles_of_times(load_machine("xeon-4210r"), "mremap")
    assert {row.table for row in REPORTED if row.operation == "mremap"} == {"F18"}


def test_times_of_threads_and_of_reports_are_told_apart() -> None:
    assert roles_of_times(load_machine("apple-m3"), "mprotect") == {Role.REPORT}
    assert Role.REPORT not in roles_of_times(load_machine("xeon-4210r"), "fork") != set()


def test_a_report_of_a_machine_of_ours_does() -> None:
    (row,) = matching(
        machine="core-i7-14700", operation="mprotect", state="shared-to-read-only",
        memory_bytes=64 << 20, order=0, strategy="folio-batch-v6.17", baseline="v6.12",
    )  # fmt: skip
    assert (row.id, row.mean) == ("F12/2", 2.29e-4)


def test_what_a_report_is_compared_with_is_a_time_of_the_same_report() -> None:
    compared = [row for row in REPORTED if row.against]
    assert len(compared) > 20
    for row in compared:
        other = rows_by_id()[row.against or ""]
        assert other.id != row.id and other.table == row.table
        assert {row.metric, other.metric} == {Metric.SECONDS}


def test_an_unknown_key_is_refused() -> None:
    raw = {"table": "T99", "source": "a mail", "message_ids": [], "date": "2024", "whence": "x"}
    with pytest.raises(ValueError, match=r"'T99' has unknown keys: \['whence'\]"):
        parse({"reasons": {}, "tables": [raw | {"rows": []}]})
