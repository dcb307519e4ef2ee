"""A build configured like the booted kernels gives each row that they executed, in all columns."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("unicorn", reason="needs costmodel[record]")

from costmodel.recorder.archive import load_program
from tools.builds.equality import BOOTED, DIGESTS, digest, recorded, rows

RECORDED: dict[str, dict[str, Any]] = yaml.safe_load(DIGESTS.read_text())
"""What ``costmodel record`` gave, written by ``python -m tools.builds.equality``."""
WINDOWS = {f"{s}/{layout}" for s in ("rw", "ro") for layout in ("order0", "order2", "order4")}


@pytest.mark.parametrize("name", BOOTED.values())
def test_recorded_rows_are_those_of_the_booted_kernel(name: str) -> None:
    booted = load_program("fork", name)
    assert set(RECORDED[name]) >= WINDOWS | {"rw/order9", "ro/order9"}
    for key, ours in RECORDED[name].items():
        theirs = rows(booted, key)
        assert (ours["rows"], ours["digest"]) == (len(theirs), digest(theirs)), key


@pytest.mark.parametrize("tree", BOOTED)
def test_recording_again_gives_the_same_rows(tree: str) -> None:
    folder = Path(os.environ.get("COSTMODEL_TREES", "trees")) / tree
    if not (folder / "mm/memory.o").is_file():
        pytest.skip("no kernel tree: COSTMODEL_TREES names the folder (tools/builds/README.md)")
    name = BOOTED[tree]
    program = recorded(folder, name)
    for key, known in RECORDED[name].items():
        ours = rows(program, key, known["first"])
        assert digest(ours) == known["digest"], key


def test_a_digest_tells_rows_apart() -> None:
    booted = load_program("fork", "v6.12.117.x86_64")
    known = rows(booted, "rw/order0")
    changed = known.copy()
    changed[100] = (*changed[100][:-1], changed[100][-1] + 1)
    assert digest(changed) != digest(known)
    assert len(rows(booted, "rw/order0", 48)) == len(known) - 48
