"""Steps cut out of a recorded build: any layout and any strategy runs on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("unicorn", reason="needs costmodel[record]")

from costmodel import price
from costmodel.code.trace import Trace
from costmodel.config.errors import ConfigError
from costmodel.emulation.scenes import mixed_scenes
from costmodel.mm.pte import TABLE_PTES
from costmodel.mm.shapes import homogeneous
from costmodel.operations.registry import operation_named
from costmodel.strategies.resolve import resolve
from costmodel.strategies.whole_tables import recorded_runs
from tests.emulation.tiny_tree import machine, make_tree, recorded

FORK = operation_named("fork")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the archives ``tiny``, cut into steps, and ``odd``, which is not."""
    folder = tmp_path_factory.mktemp("cut")
    tiny, odd = make_tree(folder / "t"), make_tree(folder / "o", flags="-DALWAYS=1")
    assert "priced by its steps, batch by batch" in recorded(tiny, folder / "tiny.ckb").text
    text = recorded(odd, folder / "odd.ckb", name="odd").text
    assert "not cut into steps" in text and "clear_exclusive" in text
    return folder


def traces(path: Path, order: int, state: str) -> tuple[Trace, Trace]:
    """Return what the steps of an archive make of a table, and the table as it was recorded."""
    isa = machine()
    strategy = resolve(f"@{path}")
    space = homogeneous(
        2 << 20, {order: 1.0}, frames="scattered", state=FORK.state(state), contpte=False
    )
    program = strategy.program(isa, range_tlbi=False)
    (steps,) = FORK.trace(strategy, program, isa, space)
    (whole,) = recorded_runs(path, space, aligned=False)
    return steps.trace, whole.trace


@pytest.mark.parametrize("order", [0, 2, 4, 9])
@pytest.mark.parametrize("state", ["writable", "read-only"])
def test_steps_execute_a_recorded_table_row_by_row(folder: Path, order: int, state: str) -> None:
    steps, whole = traces(folder / "tiny.ckb", order, state)
    own = steps.site < 1 << 16  # from the build, not from what allocates tables
    first = int(np.flatnonzero(own)[0])
    rows = len(steps) - first
    theirs = whole.site - (1 << 16)
    # Behind the last event the recording goes on to where the locks are dropped.
    end = next(
        end
        for end in range(len(whole), len(whole) - 50, -1)
        if np.array_equal(theirs[end - rows : end], steps.site[first:])
    )
    for column in ("kind", "subkind", "size_bytes", "taken", "target"):
        left, right = getattr(steps, column)[first:], getattr(whole, column)[end - rows : end]
        assert np.array_equal(left, right), column
    page = whole.target[end - rows : end] == 3
    assert np.array_equal(steps.address[first:][page], whole.address[end - rows : end][page])


def test_orders_and_mixes_that_were_never_recorded_are_priced(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    name = "xeon-4210r" if machine() == "x86_64" else "ampere-altra"
    times = [price(name, "@tiny", order=order, memory="64 MiB").ns_per_pte for order in (2, 3, 4)]
    assert times == sorted(times, reverse=True)
    with pytest.raises(ConfigError, match="holds tables of the orders"):
        price(name, "@odd", order=3, memory="64 MiB")
    state = "mixed: writable 1, read-only 15"
    assert price(name, "@tiny", order=0, memory="64 MiB", state=state).ns_per_pte > 0
    with pytest.raises(ConfigError, match=r"holds tables in the states .*read-only.*got mixed"):
        price(name, "@odd", order=0, memory="64 MiB", state=state)
    with pytest.raises(ConfigError, match=r"steps for the states writable, read-only \(got file"):
        price(name, "@tiny", order=0, memory="64 MiB", state="file")


USERS = """
from costmodel.strategies import fork as k

@k.built_on("@{program}")
def one_by_one(fork):
    return k.dropping(k.copy_batched(fork, k.Batching(limit=1)), "resched")
"""


def test_a_users_strategy_stands_on_an_archive(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    for program in ("tiny", "odd"):
        (folder / f"{program}.py").write_text(USERS.format(program=program))
    mine = resolve("tiny.py:one_by_one")
    assert mine.programs == resolve("@tiny").programs
    with pytest.raises(ConfigError, match="no steps that a strategy could execute"):
        resolve("odd.py:one_by_one")


def test_mixed_tables_are_full_and_aligned() -> None:
    for scene in mixed_scenes((1, 2, 3)):
        pages = [
            page for piece in scene.pieces for page in range(piece.page, piece.page + piece.pages)
        ]
        assert pages == list(range(TABLE_PTES))
        assert all(piece.frame % (1 << piece.order) == 0 for piece in scene.pieces)
        frames = [piece.frame + page for piece in scene.pieces for page in range(1 << piece.order)]
        assert len(set(frames)) == len(frames)
        if scene.layout.startswith("blocks"):
            assert all(piece.page % (1 << piece.order) == 0 for piece in scene.pieces)
