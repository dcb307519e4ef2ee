"""Loops timed on this machine, and the file that they are written to."""

from pathlib import Path

import pytest

from costmodel.loops.form import Loop, loops_path, read_loops
from costmodel.measure.experiment import Series
from costmodel.measure.kernels import arm64, isa_here, x86_64
from costmodel.measure.loops import experiments, loops_file, with_cycles
from costmodel.measure.process import Measuring
from costmodel.measure.session import WORKER, Session
from costmodel.measure.system import read_system


def loop(name: str, *ops: list[object], repeat: int = 1) -> Loop:
    return Loop.model_validate({"name": name, "ops": list(ops), "repeat": repeat})


CHAIN = loop("a chain: 8", ["add", 8, "chain"], repeat=2)
UNPAIRED = loop("unpaired", ["call", 1, "independent"])


@pytest.mark.parametrize("name", ["zen3", "zen5", "raptor-cove"])
@pytest.mark.parametrize("isa", [x86_64, arm64], ids=["x86_64", "arm64"])
def test_every_shipped_loop_can_be_written(name: str, isa: object) -> None:
    loops = read_loops(loops_path(name))
    found, lacking = experiments(loops, isa)  # type: ignore[arg-type]
    assert len(found) == len(loops) and lacking == []


def test_a_loop_that_cannot_be_written_is_said() -> None:
    found, lacking = experiments([CHAIN, UNPAIRED], x86_64)
    assert len(found) == 1 and lacking == ["loop: unpaired: a call has no return"]


@pytest.mark.skipif(isa_here() is None, reason="no kernels for this instruction set")
def test_a_chain_of_additions_takes_a_cycle_each() -> None:
    isa = isa_here()
    assert isa is not None
    ((chain,), _) = experiments([CHAIN], isa)
    series = Series()
    with Measuring(WORKER) as measuring:
        for _ in range(5):
            reply = measuring.ask(chain.request(20))
            series.add(reply["cycles"], reply["ns"], reply["unsteady"], cpu=0)
    assert series.estimate("cycles").value == pytest.approx(16, rel=0.05)


def test_what_ran_is_written_and_read_back(tmp_path: Path) -> None:
    series = Series(cycles=[[16.004, 16.006]], ns=[[4.0, 4.0]])
    session = Session("2026-11-28", 1, (0.1, 0.2), results={"loop: a chain: 8": series})
    (found,) = with_cycles([CHAIN, UNPAIRED], session)
    assert found.cycles == 16.0
    file = tmp_path / "mine.yaml"
    file.write_text(loops_file([found], read_system(), session))
    assert read_loops(file) == (found,)
