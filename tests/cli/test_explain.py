"""``costmodel explain`` and ``costmodel breakeven``: options, output, bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from costmodel.cli.main import main
from tests.cli.lines import flat

EXPLAIN = ["explain", "xeon-4210r", "folio-batch-v6.9", "--order", "9"]
BREAKEVEN = ["breakeven", "folio-batch-v6.9", "--machine", "xeon-4210r", "--over"]


def assert_mailable(text: str) -> None:
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 76


def test_an_explanation_for_a_mail_and_for_a_program(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "why.json"
    assert main([*EXPLAIN, "--json", str(file)]) == 0
    out = capsys.readouterr().out
    assert_mailable(out)
    for words in ("atomics: refcount", "interaction", "hidden", "total", "fork, 1 GiB, writable"):
        assert words in out
    data = json.loads(file.read_text())
    assert (data["schema"], data["kind"]) == (1, "explanation")
    parts = sum(part["effect_ns_per_pte"] for part in data["parts"])
    total = parts + data["around_ns_per_pte"] + data["interaction_ns_per_pte"]
    assert total == pytest.approx(data["difference_ns_per_pte"])
    assert data["provenance"]["command"] == ["costmodel", *EXPLAIN]


def keys_of(data: object) -> set[str]:
    """Return every key of a document but those inside provenance and of mappings by name."""
    if isinstance(data, list):
        return {key for item in data for key in keys_of(item)}
    if not isinstance(data, dict):
        return set()
    named = (
        "provenance",
        "folio_orders",
        "cpi_stack_ns_per_pte",
        "segments_ns_per_pte",
        "micro_ops_per_pte",
        "by_build",
    )
    inner = (keys_of(value) for key, value in data.items() if key not in named)
    return set(data).union(*inner)


@pytest.mark.parametrize("words", [EXPLAIN, [*BREAKEVEN, "folio_order"]])
def test_every_key_of_the_json_is_documented(words: list[str], tmp_path: Path) -> None:
    file = tmp_path / "answer.json"
    assert main([*words, "--json", str(file)]) == 0
    text = Path(__file__).parents[2].joinpath("docs", f"{words[0]}.md").read_text()
    missing = [key for key in keys_of(json.loads(file.read_text())) if f"`{key}`" not in text]
    assert missing == []


def test_tlb_maintenance_is_counted_per_block(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["explain", "ampere-altra", "contpte-per-pte", "--order", "4"]
    assert main([*words, "--set", "tlbi.range=false"]) == 0
    out = capsys.readouterr().out
    assert_mailable(out)
    line = next(line for line in out.splitlines() if line.startswith("TLBIs, one entry each"))
    assert line.split()[-2:] == ["0.00", "48.00"]


def test_a_machine_of_inferred_numbers_gets_a_caution(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (
        ["explain", "ampereone", "v6.7", "--vs", "v6.7"],
        ["breakeven", "v6.7", "--machine", "ampereone", "--over", "core.width"],
        ["run", "--machine", "ampereone", "--strategy", "v6.7", "--no-noise"],
    ):
        assert main(words) == 0
        out = " ".join(capsys.readouterr().out.split())
        assert "numbers of ampereone that fork uses are inferred, not sourced, among them" in out
    main([*EXPLAIN, "--vs", "folio-batch-v6.9"])
    assert "not sourced" not in capsys.readouterr().out


def test_an_unmap_is_explained_with_the_share_of_freeing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "why.json"
    zap = ["--operation", "zap", "--state", "munmap"]
    assert main([*EXPLAIN, *zap, "--json", str(file)]) == 0
    out = capsys.readouterr().out
    assert_mailable(out)
    assert "zap, 1 GiB, munmap" in out and "release of pages" in out
    data = json.loads(file.read_text())
    assert data["provenance"]["command"] == ["costmodel", *EXPLAIN, *zap]
    for side in (data["baseline"], data["strategy"]):
        parts = side["segments_ns_per_pte"]
        assert set(parts) == {"unmap", "release", "around"}
        assert sum(parts.values()) == pytest.approx(side["ns_per_pte"])
    assert main(EXPLAIN) == 0
    assert "part of the operation" not in capsys.readouterr().out


def test_batching_an_unmap_pays_from_some_order_on(capsys: pytest.CaptureFixture[str]) -> None:
    zap = ["--operation", "zap", "--state", "munmap"]
    assert main([*BREAKEVEN, "folio_order", *zap]) == 0
    out = capsys.readouterr().out
    assert_mailable(out)
    assert "wins against v6.7 on xeon-4210r from order-" in out and "zap, 1 GiB, munmap" in out


def test_a_break_even_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "where.json"
    assert main([*BREAKEVEN, "folio_order", "--json", str(file)]) == 0
    out = capsys.readouterr().out
    assert_mailable(out)
    assert "folio-batch-v6.9 wins against v6.7 on xeon-4210r from order-" in out
    data = json.loads(file.read_text())
    assert (data["kind"], data["over"]) == ("breakeven", "folio_order")
    assert data["answer"].split()[-2] == f"order-{data['crossing']['value']:.0f}"


def test_where_there_is_none_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["breakeven", "contpte-per-pte", "--machine", "ampere-altra", "--order", "9"]
    assert main([*words, "--over", "tlbi.broadcast_ns"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "contpte-per-pte loses against v6.7 on ampere-altra at every" in out
    assert main([*BREAKEVEN, "folio_order", "--vs", "folio-batch-v6.9"]) == 0
    assert "costs the same as folio-batch-v6.9" in capsys.readouterr().out


MAP = ["breakeven", "contpte-folio-batch-no-hint", "--machine", "ampere-altra", "--order", "4"]
OVER_TWO = [
    *("--over", "atomics.line_change_cycles=10,40,60"),
    *("--over", "atomics.store_only_cycles=4..40:4:log"),
]


def test_two_numbers_make_a_map(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, picture = tmp_path / "map.json", tmp_path / "map.svg"
    assert main([*MAP, *OVER_TWO, "--json", str(file), "-o", str(picture)]) == 0
    out = capsys.readouterr().out
    assert_mailable(out)
    data = json.loads(file.read_text())
    assert (data["kind"], data["x"], len(data["y"])) == ("breakeven-map", [10, 40, 60], 4)
    assert flat(out).startswith(data["answer"])
    rows = [line.split() for line in out.splitlines() if line.startswith(("4 ", "40 "))]
    assert [row[0] for row in rows] == ["40", "4"]
    assert [float(cell.rstrip("%?")) for cell in rows[1][1:4]] == pytest.approx(
        data["change_pct"][0], abs=0.5
    )
    assert all(one["interval"][0] < one["x"] for one in data["crossings"])
    svg = picture.read_text()
    assert "contpte-folio-batch-no-hint against v6.7 on ampere-altra" in svg


def test_one_number_is_drawn_as_a_line(tmp_path: Path) -> None:
    picture = tmp_path / "line.svg"
    assert main([*BREAKEVEN, "folio_order", "-o", str(picture)]) == 0
    assert "wins against v6.7" in picture.read_text()


def test_every_fault_of_a_map_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--over", "folio_orde", "--over", "memory=1..4", "-o", "map.pdf", "--vs", "v6.77"]
    assert main([*MAP, *words, "--over", "core.width"]) == 2
    said = flat(capsys.readouterr().err)
    for part in ("--over: is given too often", "-o: must end in", "--vs: unknown strategy"):
        assert part in said
    assert main([*MAP, *words[:4]]) == 2
    said = flat(capsys.readouterr().err)
    assert "unknown key, did you mean 'folio_order'?" in said
    assert "memory: must be whole numbers that exist from 2 MiB to 1 TiB (got 1..4)" in said


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        ("folio_order", "folio_share", "folio_order and folio_share both set folio_orders"),
        ("folio_share", "folio_order", "folio_share and folio_order both set folio_orders"),
        ("tlbi_ns", "tlbi.issue_ns", "both set tlbi.issue_ns: vary one of them"),
        ("tlbi.broadcast_ns=1,2", "tlbi_ns", "both set tlbi.broadcast_ns: vary one of them"),
        ("tlbi.issue_ns", "ampere-altra.tlbi.issue_ns", "tlbi.issue_ns: is given twice"),
    ],
)
def test_numbers_that_would_undo_each_other_are_refused(
    one: str, other: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*MAP, "--over", one, "--over", other]) == 2
    said = flat(capsys.readouterr().err)
    assert said.startswith("--over: ") and said.count("--over") == 1
    assert message in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["explain", "ampere-altro", "v6.7"], "did you mean 'ampere-altra'?"),
        (["explain", "ampere-altra", "v6.70"], "did you mean 'v6.7'?"),
        ([*EXPLAIN, "--vs", "v6.70"], "--vs"),
        ([*EXPLAIN, "--order", "10"], "--order"),
        ([*EXPLAIN, "--order", "x"], "--order"),
        ([*EXPLAIN, "--state", "exit"], "--state"),
        ([*EXPLAIN, "--operation", "zpa"], "did you mean 'zap'?"),
        ([*EXPLAIN, "--operation", "zap", "--state", "writable"], "--state"),
        (["explain", "xeon-4210r", "folio-scan-v3", "--operation", "zap"], "STRATEGY"),
        ([*EXPLAIN, "--memory", "1 apple"], "--memory"),
        ([*EXPLAIN, "--set", "core.wdith=3"], "did you mean 'core.width'?"),
        ([*EXPLAIN, "--set", "core.width"], "KEY=VALUE"),
        (["explain", "xeon-4210r", "contpte-per-pte"], "arm64 only"),
        ([*BREAKEVEN, "folio_ordre"], "did you mean 'folio_order'?"),
        ([*BREAKEVEN, "folio_share", "--order", "0"], "folio_share needs"),
        ([*BREAKEVEN, "caches.l2.replacement"], "is no number"),
    ],
)
def test_bad_input_is_one_clear_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    captured = capsys.readouterr()
    assert message in flat(captured.err) and captured.out == ""
    assert "Traceback" not in captured.err


def test_where_both_cost_the_same_nobody_wins(capsys: pytest.CaptureFixture[str]) -> None:
    words = "breakeven folio-scan-v3 --machine xeon-4210r --set mapped=pmd --order 9"
    assert main([*words.split(), "--over", "folio_order"]) == 0
    said = flat(capsys.readouterr().out)
    assert "from order-2 on. The two cost the same at order-9." in said


def test_a_setting_that_matters_elsewhere_on_the_axis_is_not_idle(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = "breakeven contpte-per-pte --machine ampere-altra --set tlbi.issue_ns=3 --memory"
    words += " 4MiB --over"
    assert main([*words.split(), "folio_share"]) == 0
    assert "No time here depends on" not in capsys.readouterr().out
    assert main([*words.split(), "core.clock_ghz"]) == 0  # order 0 alone: nothing is folded
    assert "No time here depends on: tlbi.issue_ns=3." in capsys.readouterr().out
