"""Random loops: the same for a seed, and whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from costmodel.loops.form import Loop, read_loops
from costmodel.measure.kernels.loop_body import LoopBody
from costmodel.measure.kernels.x86_64 import INSTRUCTIONS
from tools.random_loops import RandomLoops, line

MEASURED = Path(__file__).parents[1] / "loops" / "raptor_cove_second.yaml"


def test_a_seed_gives_the_loops_that_were_measured(tmp_path: Path) -> None:
    file = tmp_path / "loops.yaml"
    file.write_text("\n".join(line(*loop) for loop in RandomLoops(20261130).loops(40)))
    measured = [loop.model_copy(update={"cycles": None}) for loop in read_loops(MEASURED)]
    assert list(read_loops(file)) == measured


@pytest.mark.parametrize("seed", range(20))
def test_every_loop_can_be_written_as_assembly(seed: int) -> None:
    found = list(RandomLoops(seed).loops(3))
    assert [name[0] for name, *_ in found] == [kind for kind in "ABCDEF" for _ in range(3)]
    for name, ops, repeat in found:
        Loop.model_validate({"name": name, "ops": [list(group) for group in ops], "repeat": repeat})
        assert "1:\n" in LoopBody(INSTRUCTIONS).text(ops, repeat)
