"""Small loops, as ``costmodel loops`` states them, timed on this machine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from costmodel.loops.form import InstructionGroup, Loop
from costmodel.measure.experiment import Experiment
from costmodel.measure.kernels import Isa
from costmodel.measure.kernels.loop_body import CannotWrite, LoopBody
from costmodel.measure.session import Session
from costmodel.measure.system import System

_PREFIX = "loop: "


def experiments(loops: Iterable[Loop], isa: Isa) -> tuple[list[Experiment], list[str]]:
    """Return loops as experiments, and one line for each that cannot be written as assembly."""
    found, lacking = [], []
    for loop in loops:
        operations = [(group.kind, group.count, _form(group)) for group in loop.ops]
        try:
            text = LoopBody(isa.INSTRUCTIONS).text(operations, loop.repeat)
        except CannotWrite as reason:
            lacking.append(f"{_PREFIX}{loop.name}: {reason}")
        else:
            found.append(Experiment(_PREFIX + loop.name, text))
    return found, lacking


def with_cycles(loops: Iterable[Loop], session: Session) -> list[Loop]:
    """Return the loops with the cycles that they took here; those that did not run are left out."""
    found = []
    for loop in loops:
        series = session.results.get(_PREFIX + loop.name)
        if series is not None and series.cycles:
            cycles = round(series.estimate("cycles").value, 2)
            found.append(Loop.model_validate({**_fields(loop), "cycles": cycles}))
    return found


def loops_file(loops: Sequence[Loop], system: System, session: Session) -> str:
    """Return the text of a loops file with measured cycles, as ``costmodel loops`` reads it."""
    load = max(session.loads)
    guest = "guest, " if system.guest else ""
    where = f"{system.vendor} family {system.family} model {system.model}"
    lines = [
        f"# Small loops on real hardware: {system.model_name}",
        f"# ({where}; {guest}{system.cpus} CPUs).",
        f"# Measured by `costmodel measure --loops`, {session.date}: {session.rounds} rounds, load",
        f"# {load:.1f}; cycles of one iteration. Every loop has a counter, a compare and a taken",
        "# branch on top.",
        *(_line(loop) for loop in loops),
    ]
    return "\n".join(lines) + "\n"


def _fields(loop: Loop) -> dict[str, object]:
    ops = [[group.kind, group.count, _form(group)] for group in loop.ops]
    return {"name": loop.name, "ops": ops, "repeat": loop.repeat}


def _form(group: InstructionGroup) -> str:
    return f"{group.form}-{group.chain}" if group.chain else group.form


def _line(loop: Loop) -> str:
    ops = ", ".join(f"[{group.kind}, {group.count}, {_form(group)}]" for group in loop.ops)
    name = loop.name.replace("'", "''")
    return f"- {{name: '{name}', ops: [{ops}], repeat: {loop.repeat}, cycles: {loop.cycles}}}"
