"""The builds that are shipped: what is kept of them, and the list that makes them again."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from costmodel.code.library import BUILD_MARK, RAGGED, from_arrays, load_library
from costmodel.recorder.archive import STEPS_FOLDER, cut_programs
from costmodel.strategies.builds import known_builds
from tools import files
from tools.builds.record import PATCHES, shipped_builds

FILES = Path(files.__file__).with_name("trees.yaml")
LISTED = [*shipped_builds(PATCHES / "trees.yaml"), *shipped_builds(FILES)]
CUT = cut_programs("fork")


def build_of(program: str) -> str:
    return program.partition(BUILD_MARK)[2].rpartition(".")[0]


def test_every_build_that_was_cut_is_listed_with_its_tree_and_described() -> None:
    assert {build_of(program) for program in CUT} <= {one.build for one in LISTED}
    assert {one.build for one in LISTED} <= known_builds().keys()


def test_every_patch_that_is_listed_exists() -> None:
    named = {patch for one in LISTED for patch in one.patches}
    assert named == {path.stem for path in PATCHES.glob("*.patch")}


def test_step_archives_hold_what_was_cut() -> None:
    for program, (numbers, text) in CUT.items():
        kept, read = load_library("fork", program), from_arrays("fork", program, numbers, text)
        assert any(layout.startswith(RAGGED) for layout in kept.layouts)
        assert np.array_equal(kept.uop, read.uop) and kept.choices == read.choices


def test_a_build_has_its_baseline() -> None:
    for program in CUT:
        source, _, place = program.partition(BUILD_MARK)
        baseline = f"v6.7{BUILD_MARK}{place.replace('arm64_contpte', 'arm64_nocontpte')}"
        assert source == "v6.7" or Path(STEPS_FOLDER / "fork" / f"{baseline}.npz").is_file()
