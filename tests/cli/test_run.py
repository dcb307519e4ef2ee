"""``costmodel run``: options, output, JSON and bad input; the numbers are tested elsewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from costmodel.cli.main import main
from costmodel.code.trace import TableRun, Trace
from costmodel.config.machine import Machine
from costmodel.cpu.stack import Cause, Charges, TableCost, Timing
from costmodel.experiment import Cell, pace
from costmodel.simulation import Engine
from tests.cli.lines import flat
from tests.experiment.stand_in import execute_instead

QUICK = ["run", "--machine", "ampere-altra", "--strategy", "folio-batch-v6.9", "--order", "9"]


def empty_trace() -> Trace:
    none = np.zeros(0, np.int64)
    bytes_, ints = none.astype(np.uint8), none.astype(np.int32)
    return Trace(
        kind=bytes_,
        subkind=bytes_,
        inputs=ints.reshape(0, 5),
        address=none,
        size_bytes=none.astype(np.int16),
        target=bytes_,
        taken=none.astype(np.int8),
        site=ints,
        step_start=ints,
        step_id=ints,
        step_names=(),
        segments=(),
    )


def stand_in_runs(cell: Cell) -> list[TableRun]:
    # A longer name takes longer: any difference will do.
    return [TableRun(empty_trace(), len(cell.strategy), cell.workload.pages // len(cell.strategy))]


def stand_in_timings(
    asked: Sequence[tuple[Sequence[TableRun], Machine]], engine: Engine
) -> list[Timing]:
    cost = TableCost({"copy": 10**7}, Charges(tuple(10**7 * (c is Cause.LLC) for c in Cause)))
    return [
        Timing.of([(cost, run.count) for run in runs], machine.core.clock_ghz.value)
        for runs, machine in asked
    ]


@pytest.fixture(autouse=True)
def stand_in_core(monkeypatch: pytest.MonkeyPatch) -> None:
    execute_instead(monkeypatch, stand_in_runs)
    monkeypatch.setattr(pace, "_timings", stand_in_timings)


def test_a_quick_question_compares_with_v6_7(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(QUICK) == 0
    out = capsys.readouterr().out
    assert "| Ampere Altra" in out and "order-9 (pte-map)" in out
    assert "| v6.7 (baseline)" in out and "| folio-batch-v6.9 " in out
    assert "order-0" not in out


def test_a_state_in_parts_is_written_as_in_a_file_or_as_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [*QUICK, "--memory", "2 MiB", "--no-noise", "--format", "csv", "--state"]
    shown = []
    for state in (
        "mixed: writable 1, read-only 15",
        "mixed: {writable: 1, read-only: 15}",
        "{mixed: {writable: 1, read-only: 15}}",
        " {mixed: {writable: 1, read-only: 15}} ",
    ):
        assert main([*words, state]) == 0
        shown.append(capsys.readouterr().out)
    assert len(set(shown)) == 1 and "writable 1, read-only 15" in shown[0]


@pytest.mark.parametrize(
    "state", ["}", "mixed: {writable: 1}}", "{mixed: {writable: 1, read-only: 15}", "{writable: 1"]
)
def test_a_state_whose_braces_hold_no_yaml_is_told_as_it_was_typed(
    state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*QUICK, "--memory", "2 parsec", "--state", state]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert f"--state: is not YAML (got {state!r})" in told
    assert "--memory: must be" in told, "no fault hides another one"


def test_options_narrow_a_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--machine", "xeon-4210r", "--strategy", "folio-batch-v6.9", "--order", "4"]
    assert main(["run", "lkml-fork", *options, "--no-noise"]) == 0
    out = capsys.readouterr().out
    assert "order-4" in out and "order-9" not in out and "Altra" not in out
    assert "without noise" in out


def test_the_json_file_says_how_to_compute_it_again(tmp_path: Path) -> None:
    file = tmp_path / "out" / "result.json"
    assert main([*QUICK, "--set", "ampere-altra.tlbi.range=true", "--json", str(file)]) == 0
    document = json.loads(file.read_text())
    provenance = document["provenance"]
    assert provenance["command"][:2] == ["costmodel", "run"]
    assert "--json" not in provenance["command"]
    assert provenance["overrides"] == ["ampere-altra.tlbi.range=true"]
    assert provenance["seed"] == 1
    assert set(provenance["machine_sha256"]) == {"ampere-altra"}
    assert provenance["scenario"]["memory"] == 1 << 30
    assert [cell["strategy"] for cell in document["cells"]] == ["v6.7", "folio-batch-v6.9"]


def test_equal_seeds_give_equal_bytes_for_any_number_of_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    texts = []
    for name, options in {"a": [], "b": ["--jobs", "2"], "c": ["--seed", "2"]}.items():
        file = tmp_path / f"{name}.json"
        assert main([*QUICK, *options, "--json", str(file)]) == 0
        texts.append(file.read_text())
    assert texts[0] == texts[1]
    assert json.loads(texts[0])["cells"] != json.loads(texts[2])["cells"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run"], "no SCENARIO is given (see: costmodel machines) --strategy: needed"),
        (["run", "--operation", "zap"], "(see: costmodel strategies --operation zap)"),
        (
            ["run", "--machine", "ampere-altra", "--strategy", "v6.7", "--format", "machines"],
            "--format machines: compares strategies: name one beside the baseline, v6.7",
        ),
        (["run", "lkml-frok"], "did you mean 'lkml-fork'?"),
        ([*QUICK, "--machine", "ampere-altro"], "did you mean 'ampere-altra'?"),
        ([*QUICK, "--strategy", "folio-batch-v6.8"], "did you mean 'folio-batch-v6.9'?"),
        ([*QUICK, "--strategy", "./mine.ckb"], "an archive goes by @ and its name: @./mine"),
        ([*QUICK, "--order", "10"], "an order must be 0 or 2 to 9"),
        ([*QUICK, "--set", "ampere-altra.tlbi.rnage=true"], "ampere-altra.tlbi.rnage"),
        ([*QUICK, "--seed", "-1"], "must be at least 0"),
        (
            [
                *QUICK,
                "--set",
                "ampere-altra.kernel.tick_hz=10000",
                "--set",
                "ampere-altra.kernel.tick_us=500",
            ],
            "shorter than the tick period, 100 us",
        ),
        (
            ["run", "--machine", "xeon-4210r", "--strategy", "contpte-per-pte"],
            "strategy: contpte-per-pte: cannot be priced on xeon-4210r: arm64 only",
        ),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "result.json"
    assert main([*words, "--json", str(file)]) == 2
    captured = capsys.readouterr()
    assert message in flat(captured.err)
    assert "Traceback" not in captured.err
    assert captured.out == ""
    assert not file.exists()


@pytest.mark.parametrize("jobs", ["0", "-1", "many"])
def test_jobs_must_be_a_number(jobs: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*QUICK, "--jobs", jobs]) == 2
    assert "must be an integer of at least 1" in flat(capsys.readouterr().err)


def test_ctrl_c_ends_with_130_and_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(cell: Cell) -> list[TableRun]:
        raise KeyboardInterrupt

    execute_instead(monkeypatch, interrupted)
    file = tmp_path / "result.json"
    assert main([*QUICK, "--json", str(file)]) == 130
    assert list(tmp_path.iterdir()) == []


def test_strategies_that_are_broken_or_not_priced_for_what_they_do_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(
        "from costmodel.strategies import fork as k\n\n\n"
        'def cheap(fork):\n    return k.dropping(k.v6_12(fork), "get")\n'
    )
    names = ["--strategy", "folio-batch-off-by-one", "--strategy", "mine.py:cheap"]
    words = ["run", "--machine", "ampere-altra", *names, "--no-noise", "--jobs", "1"]
    assert main(words) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "folio-batch-off-by-one is broken: its batches run on into the next folio" in told
    assert "mine.py:cheap is not priced for what it does" in told
    assert re.search(r"'get' is done \d+ times and priced 0", told)


def test_rows_were_published_about_the_shipped_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A user's file of the same name is another machine, unless all its numbers are the same."""
    text = (Path(__file__).parents[2] / "machines" / "ampere-altra.yaml").read_text()
    tables = []
    given = "load_queue_entries: {value: 56,"
    assert given in text
    for number in ("56", "55"):
        file = tmp_path / "ampere-altra.yaml"
        file.write_text(text.replace(given, f"load_queue_entries: {{value: {number},"))
        assert main(["run", "--machine", str(file), "--strategy", "v6.7", "--no-noise"]) == 0
        tables.append(capsys.readouterr().out)
    assert "published T07a" in tables[0] and "not those of the machine" not in tables[0]
    assert "published" not in tables[1].replace("nothing published is about it", "")
    assert "The numbers of ampere-altra are not those" in tables[1]
