"""Changes of protection in a kernel of a hundred lines: recorded, cut into steps, checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("unicorn", reason="needs costmodel[record]")

from costmodel import price
from costmodel.config.errors import ConfigError
from costmodel.mm.shapes import homogeneous
from costmodel.operations.registry import operation_named
from costmodel.strategies.resolve import resolve
from costmodel.strategies.whole_tables import recorded_runs
from tests.emulation.tiny_tree import machine, make_tree, recorded

MACHINE = "xeon-4210r" if machine() == "x86_64" else "ampere-altra"
MPROTECT = operation_named("mprotect")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mprotect")
    outcome = recorded(make_tree(folder / "tree"), folder / "tiny.ckb", operation="mprotect")
    assert "priced by its steps, entry by entry" in " ".join(outcome.text.split())
    return folder / "tiny.ckb"


@pytest.mark.parametrize("order", [0, 2, 4, 9])
@pytest.mark.parametrize("state", ["to-read-only", "to-writable"])
def test_steps_execute_a_recorded_table_row_by_row(archive: Path, order: int, state: str) -> None:
    strategy = resolve(f"@{archive}", operation="mprotect")
    space = homogeneous(2 << 20, {order: 1.0}, state=MPROTECT.state(state))
    (steps,) = MPROTECT.trace(strategy, strategy.programs[machine()], machine(), space)
    (whole,) = recorded_runs(archive, space, aligned=True)
    made, taken = steps.trace, whole.trace
    own = np.flatnonzero(made.site < 1 << 16)  # not of what lies between tables
    rows = len(own)
    start = next(
        start
        for start in range(len(taken) - rows + 1)
        if np.array_equal(taken.site[start : start + rows], made.site[own])
    )
    for column in ("kind", "subkind", "size_bytes", "taken", "target"):
        left, right = getattr(made, column)[own], getattr(taken, column)[start : start + rows]
        assert np.array_equal(left, right), column
    page = made.target[own] == 3
    assert np.array_equal(made.address[own][page], taken.address[start : start + rows][page])


def test_any_order_mix_and_state_of_private_memory_is_priced(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(archive.parent)
    ask = {"operation": "mprotect", "memory": "64 MiB"}
    for order in (3, {0: 0.5, 4: 0.5}):
        there, back, both, cold = (
            price(MACHINE, "@tiny", order=order, state=state, **ask).ns_per_pte  # type: ignore[arg-type]
            for state in ("to-read-only", "to-writable", "both-ways", "cold-to-read-only")
        )
        assert both == pytest.approx(there + back, rel=0.02)
        assert cold > there
    with pytest.raises(ConfigError, match=r"steps for the states to-read.*got shared-to-read-only"):
        price(MACHINE, "@tiny", state="shared-to-read-only", **ask)  # type: ignore[arg-type]


def test_a_kernel_with_userfaultfd_is_recorded_in_its_states(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = recorded(
        make_tree(tmp_path / "tree", flags="-DTRACKS"),
        tmp_path / "tracks.ckb",
        operation="mprotect",
    )
    assert "to-writable       uffd-wp  uffd-wp gone" in outcome.text
    monkeypatch.chdir(tmp_path)
    ask = {"operation": "mprotect", "memory": "64 MiB", "order": {0: 0.5, 4: 0.5}}
    protected, read_only = (
        price(MACHINE, "@tracks", state=state, **ask).ns_per_pte  # type: ignore[arg-type]
        for state in ("to-write-protected", "to-read-only")
    )
    assert protected == pytest.approx(read_only, rel=0.2)


def test_a_kernel_without_userfaultfd_is_refused_in_its_states(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(archive.parent)
    with pytest.raises(ConfigError, match="got to-write-protected"):
        price(MACHINE, "@tiny", operation="mprotect", state="to-write-protected")


def test_write_protection_that_is_not_marked_is_drawn(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree", flags="-DTRACKS -DFORGETS")
    outcome = recorded(tree, tmp_path / "broken.ckb", operation="mprotect")
    assert outcome.broken
    assert "uffd-wp bit is not set" in " ".join(outcome.text.split())


def test_rights_to_pages_that_others_map_are_drawn_and_not_written(tmp_path: Path) -> None:
    outcome = recorded(
        make_tree(tmp_path / "tree", flags="-DTRUSTS"),
        tmp_path / "broken.ckb",
        operation="mprotect",
    )
    assert outcome.broken
    said = " ".join(outcome.text.split())
    assert "broken: the protection is what was asked for" in said
    assert "entry is writable and must not be" in said
    assert not (tmp_path / "broken.ckb").exists()
