"""Unmaps of a kernel of a hundred lines: recorded with the release of their pages, and checked."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("unicorn", reason="needs costmodel[record]")

from costmodel import price
from costmodel.config.errors import ConfigError
from costmodel.recorder.build_archive import load_archive
from tests.emulation.tiny_tree import machine, make_tree, recorded

MACHINE = "xeon-4210r" if machine() == "x86_64" else "ampere-altra"
SIZE = "64 MiB"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("zap")
    outcome = recorded(make_tree(folder / "tree"), folder / "tiny.ckb", operation="zap")
    assert not outcome.broken
    assert "+ release" in outcome.text
    assert "priced by its steps, entry by entry" in " ".join(outcome.text.split())
    return folder / "tiny.ckb"


def test_an_unmap_clears_every_entry_and_its_release_drops_every_reference(archive: Path) -> None:
    program = load_archive(archive).program
    for layout, order in (("order0_table", 0), ("order2_table", 2), ("order9", 9)):
        table = program.recordings[f"munmap/{layout}"]
        release = program.recordings[f"munmap/order{order}_release"]
        atomic = program.kind[table.uop] == "rmw"
        assert ((program.target[table.uop] == "src") & atomic).sum() == 512
        atomic = program.kind[release.uop] == "rmw"
        assert ((program.target[release.uop] == "page") & atomic).sum() == 512


def test_the_gather_is_on_the_stack_of_a_caller(archive: Path) -> None:
    program = load_archive(archive).program
    table = program.recordings["munmap/order0_table"]
    stored = program.target[table.uop][program.kind[table.uop] == "store"]
    assert (stored == "stack").sum() >= 512
    assert "global" not in stored


def test_it_is_priced_as_unmap_and_release(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(archive.parent)
    for state in ("exit", "munmap", "dontneed"):
        priced = price(MACHINE, "@tiny", order=2, operation="zap", state=state, memory=SIZE)
        parts = priced.segments_ns_per_pte
        assert parts["unmap"] > 0 < parts["release"]
        assert sum(parts.values()) == pytest.approx(priced.ns_per_pte)


def test_scattered_struct_pages_cost_more(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(archive.parent)
    frames: list[str | dict[str, str]] = [
        "contiguous",
        {"scattered": "2%"},
        {"scattered": "30%"},
        "scattered",
    ]
    times = [
        price(MACHINE, "@tiny", operation="zap", state="munmap", frames=some).ns_per_pte
        for some in frames
    ]
    assert times == sorted(times)
    assert times[0] == pytest.approx(times[1], rel=0.05), "a few folios apart are no other kernel"
    assert times[-1] > times[0]


def test_orders_and_mixes_that_were_never_recorded_lie_between_those_that_were(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(archive.parent)
    orders: list[int | dict[int, float]] = [0, {0: 0.5, 4: 0.5}, 4, 6, 8]
    priced = [
        price(MACHINE, "@tiny", operation="zap", state="munmap", order=order, memory=SIZE)
        for order in orders
    ]
    for part in ("unmap", "release"):
        times = [one.segments_ns_per_pte[part] for one in priced]
        assert min(times[0], times[2]) <= times[1] <= max(times[0], times[2])
        assert min(times[2], times[4]) <= times[3] <= max(times[2], times[4])
    with pytest.raises(ConfigError, match="releases of whole tables"):
        price(MACHINE, "@tiny", operation="zap", state="munmap", memory="200 KiB")


def test_states_that_were_not_recorded_are_refused(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(archive.parent)
    for state in ("dontneed-per-page", "shared-munmap"):
        with pytest.raises(ConfigError, match=rf"states exit, munmap, dontneed \(got {state}"):
            price(MACHINE, "@tiny", operation="zap", state=state, memory=SIZE)


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("KEEPS_ENTRIES", "entry is still there"),
        ("FREES_EARLY", "dropped before the TLB is flushed"),
        ("FREES_TWICE", "the allocator got"),
        ("FORGETS_FLUSH", "no flush is asked for all that was unmapped"),
    ],
)
def test_a_kernel_that_breaks_a_guarantee_is_drawn_and_not_written(
    flag: str, said: str, tmp_path: Path
) -> None:
    tree = make_tree(tmp_path / "tree", flags=f"-D{flag}")
    outcome = recorded(tree, tmp_path / "broken.ckb", operation="zap")
    assert outcome.broken
    assert said in " ".join(outcome.text.split())
    assert not (tmp_path / "broken.ckb").exists()
