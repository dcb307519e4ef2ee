"""How memory lies, found in what /proc shows of made-up processes."""

from pathlib import Path

import pytest

from costmodel.config.errors import ConfigError
from costmodel.layout.found import read_layout
from costmodel.results.text.layout_found import layout_text
from tests.layout.system import process, smaps


def test_orders_are_those_of_the_folios(tmp_path: Path) -> None:
    frames = [*range(64, 80), 101, 333, 205, 777, *range(128, 140)]
    found = read_layout("42", process(tmp_path, frames, {64: 4, 128: 4}))
    assert found.name == "redis-server (process 42)"
    assert found.memory_bytes == 32 * 4096
    assert found.orders == {0: 4 / 32, 4: 28 / 32}
    assert found.exclusive == 1.0 and found.lacking == []


def test_single_pages_lie_alone_or_in_runs(tmp_path: Path) -> None:
    frames = [10, 11, 12, 13, 500, 900, 33, 32]
    found = read_layout("42", process(tmp_path, frames, {}))
    assert found.orders == {0: 1.0}
    assert found.alone == 2 / 8
    # Four pages find themselves in a run of four, two in one of two: downwards counts, too.
    assert found.run_bytes == 4096 * ((4 * 4 + 2 * 2) // 6)
    assert found.span_bytes == (900 - 10 + 1) * 4096


def test_folios_beside_each_other_are_a_run(tmp_path: Path) -> None:
    found = read_layout(
        "42", process(tmp_path, [*range(64, 96), *range(512, 528)], {64: 4, 80: 4, 512: 4})
    )
    assert found.alone == pytest.approx(16 / 48)
    assert found.run_bytes == 32 * 4096


def test_what_pmds_map_is_no_memory_of_ptes(tmp_path: Path) -> None:
    frames = [*range(1024, 1536), 77, 99]
    found = read_layout("42", process(tmp_path, frames, {1024: 9}, huge_kb=2048))
    assert found.pmd_bytes == 2 << 20
    assert found.memory_bytes == 2 * 4096
    assert found.orders == {0: 1.0}


def test_pages_that_are_not_there_are_no_memory(tmp_path: Path) -> None:
    found = read_layout("42", process(tmp_path, [10, 0, 0, 12], {}))
    assert found.memory_bytes == 2 * 4096 and found.alone == 1.0 and found.run_bytes is None


def test_holes_are_empty_entries_of_tables_that_map_a_page(tmp_path: Path) -> None:
    # Of three tables one maps four pages, one maps none, and one maps a page and has one in swap.
    frames = [*range(64, 68), *[0] * 508, *[0] * 512, 90, -1, *[0] * 510]
    found = read_layout("42", process(tmp_path, frames, {}))
    assert found.holes == (508 + 510) / (508 + 510 + 5)
    assert found.lacking == ["16.7 % of the pages are swapped out or migrate: left out"]
    assert "99.5 % of the entries of their page tables are empty." in layout_text(found)


def test_a_process_may_be_mapped_by_pmds_alone(tmp_path: Path) -> None:
    found = read_layout("42", process(tmp_path, [*range(1024, 1536)], {1024: 9}, huge_kb=2048))
    assert found.memory_bytes == 0 and found.orders == {} and found.holes == 0
    assert "mapped by PTEs" not in layout_text(found)


def test_without_frames_orders_are_not_known_and_it_is_said(tmp_path: Path) -> None:
    root = process(tmp_path, [10, 11], {})
    hidden = [(1 << 63), (1 << 63) | (1 << 56)]
    with (root / "42" / "pagemap").open("r+b") as stream:
        stream.seek(0x7F0000000000 // 4096 * 8)
        stream.write(b"".join(word.to_bytes(8, "little") for word in hidden))
    found = read_layout("42", root)
    assert found.orders == {0: 1.0} and found.alone is None
    assert found.exclusive == 0.5
    assert found.lacking == [
        "folio orders and runs: only root sees page frames; what PTEs map counts as order 0"
    ]
    assert "mapped by PTEs, counted as order 0 " in layout_text(found)


def test_without_kpageflags_runs_are_known_and_orders_are_not(tmp_path: Path) -> None:
    root = process(tmp_path, [10, 11], {})
    (root / "kpageflags").unlink()
    found = read_layout("42", root)
    assert found.alone == 0 and found.run_bytes == 8192
    why = "No such file or directory; what PTEs map counts as order 0"
    assert found.lacking == [f"folio orders: {root}/kpageflags: {why}"] and not found.orders_seen


def test_a_saved_smaps_has_sizes_alone(tmp_path: Path) -> None:
    file = tmp_path / "redis.smaps"
    file.write_text(smaps((8192, 6144, 2048), (100, 0, 0), (64, 64, 0)))
    found = read_layout(str(file))
    assert (found.mappings, found.copied) == (3, 2)
    assert found.memory_bytes == (4096 + 64) << 10 and found.pmd_bytes == 2 << 20
    assert "a saved smaps has no page frames" in found.lacking[0]


@pytest.mark.parametrize(
    ("reference", "text", "message"),
    [
        ("43", None, "PID: no such process"),
        ("none.smaps", None, "none.smaps: cannot be read: No such file"),
        ("x.smaps", "hello\n", "x.smaps:1:1: is no line of /proc/PID/smaps"),
        ("x.smaps", "root:x\n" * 9, r"\Ax.smaps:1:1: is no line of .* \(got 'root:x'\)\Z"),
        ("x.smaps", "", "x.smaps: holds no mapping"),
        ("", None, "PID: must be the number of a process, or a file"),
        ("x.smaps", smaps((4, 0, 0)), "has no anonymous memory"),
    ],
)
def test_what_cannot_be_looked_at_is_said(
    reference: str, text: str | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if text is not None:
        (tmp_path / reference).write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_layout(reference, tmp_path)
