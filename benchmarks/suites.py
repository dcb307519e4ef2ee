"""What is measured; each suite yields its measurements one by one."""

from __future__ import annotations

import json
import os
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.cells import MACHINES, STATES, cell, in_turn
from benchmarks.measurement import MEGABYTES, Ended, Measurement, best, command, seconds
from benchmarks.questions import questions
from benchmarks.sweeps import sweeps
from costmodel import cpu
from costmodel.config.machine import load_machine
from costmodel.cpu import reference
from costmodel.experiment import Cell, exact_seconds, executed, run_cell
from costmodel.parallel import cpus
from costmodel.simulation import Engine
from costmodel.store import VARIABLE

ROOT = Path(__file__).parents[1]
SCENARIO = "scenarios/lkml-fork.yaml"
Suite = Callable[[], Iterator[Measurement]]

SIZES = {"64 MiB": 1 << 26, "1 GiB": 1 << 30, "16 GiB": 1 << 34, "1 TiB": 1 << 40}
ITERATIONS = (100, 10_000, 1_000_000)
CELLS = (8, 32)
ROUNDS = 3
"""A cell is new once per process."""
REFERENCE_SECONDS = 20.0
"""The reference gets memories of growing size until one takes a third of this."""


def commands() -> Iterator[Measurement]:
    """Whole commands in cold processes."""
    python = min(command(["-c", "pass"]).seconds for _ in range(5))
    shown = min(command(["-m", "costmodel", "--help"]).seconds for _ in range(5))
    yield Measurement("--help over the interpreter's start", shown - python, "s", 0.15)
    for jobs in (cpus(), 1):
        words = ["-m", "costmodel", "run", str(ROOT / SCENARIO), "--jobs", str(jobs)]
        command(words)  # whatever has to be compiled
        runs = [command(words) for _ in range(3)]
        name = f"cold run of lkml-fork, {jobs} jobs"
        yield Measurement(name, min(run.seconds for run in runs), "s", 4.0)
        yield Measurement(f"{name}: memory", max(run.peak_mb for run in runs), MEGABYTES, 300)
    with TemporaryDirectory() as kept:
        words, environment = ["-m", "costmodel", "run", str(ROOT / SCENARIO)], {VARIABLE: kept}
        took = [command(words, environment=environment).seconds for _ in range(4)]
    yield Measurement("the same again, answers kept", min(took[1:]), "s")


def one_cell() -> Iterator[Measurement]:
    """Cells of 1 GiB and 8 x 100, never traced, the model imported; least of 3 processes."""
    rounds = [json.loads(_child("each").output) for _ in range(ROUNDS)]
    new = [(min(took), one) for *took, one in zip(*rounds, in_turn(), strict=True)]
    forks, unmaps = (
        [(took, one) for took, one in new if one.workload.operation == operation]
        for operation in ("fork", "zap")
    )
    slowest, worst = max(forks, key=lambda pair: pair[0])
    where = f"{worst.strategy}, {worst.workload.layout}, {worst.workload.state}"
    yield Measurement("new cell, median", _median(forks), "s", 0.030)
    yield Measurement("new cell, slowest", slowest, "s", 0.030, note=where)
    above = sum(took > 0.030 for took, _ in forks)
    yield Measurement("new cells above 30 ms", above, f"of {len(forks)}", 0)
    again = [best(lambda one=one: run_cell(one), times=3) for _, one in forks[:40]]  # type: ignore[misc]
    yield Measurement("same cell again, median", statistics.median(again), "s")
    for state in STATES["zap"]:
        of_state = [(took, one) for took, one in unmaps if one.workload.state == state]
        yield Measurement(f"new zap cell, {state}, median", _median(of_state), "s")
    yield Measurement("zap / fork, mean of all states", _mean(unmaps) / _mean(forks), "x", 1.0)


def _mean(took: Sequence[tuple[float, Cell]]) -> float:
    return statistics.mean(time for time, _ in took)


def _median(took: Sequence[tuple[float, Cell]]) -> float:
    return statistics.median(time for time, _ in took)


def evaluation() -> Iterator[Measurement]:
    """Exact time of a traced cell when machine numbers change, as a fit or a what-if asks for."""
    for isa, key in (("arm64", "atomics.store_only_cycles"), ("x86_64", "atomics.locked_cycles")):
        machine = load_machine(MACHINES[isa])
        value = machine.parameters[key].value
        others = [machine.with_value(key, value * (1 + 0.01 * i)) for i in range(9)]
        took = []
        for order in (0, 9):
            todo = [cell(other, order=order) for other in others]
            exact_seconds(todo[0])
            took += [seconds(lambda one=one: exact_seconds(one)) for one in todo]  # type: ignore[misc]
        yield Measurement(f"other numbers, {isa}, median", statistics.median(took), "s", 0.003)


def engines() -> Iterator[Measurement]:
    """The fast engine against the reference, which has to be extrapolated."""
    machine = load_machine(MACHINES["arm64"])
    small, took = cell(machine, memory_bytes=1 << 16), 0.0
    while took < REFERENCE_SECONDS / 3 and small.workload.memory_bytes < 1 << 22:
        small = cell(machine, memory_bytes=2 * small.workload.memory_bytes)
        runs = executed(small)
        took = seconds(lambda: reference.run(runs, machine))  # noqa: B023
    rows = _micro_ops(small)
    full = cell(machine)
    everything = took / rows * _micro_ops(full)
    # What remains of the reference's cell is its 800 iterations, each a SimPy process.
    one = cell(machine, memory_bytes=1 << 16)
    iterations = seconds(lambda: run_cell(one, engine=Engine.REFERENCE))
    run_cell(cell(machine, "folio-scan-v3", memory_bytes=1 << 21, order=3))
    fast = seconds(lambda: run_cell(cell(machine, order=2)))  # no other suite traced this one
    note = f"from {rows:,} micro-ops"
    yield Measurement("reference, per micro-op", took / rows, "s")
    yield Measurement("reference, one cell (extrapolated)", everything + iterations, "s", note=note)
    ratio = (everything + iterations) / fast
    yield Measurement("reference / fast, one cell", ratio, "x", 20_000, more=True)
    # Answers are remembered: other numbers each time.
    others = [machine.with_value("caches.l1.latency_cycles", 4.05 + 0.1 * i) for i in range(6)]
    evaluated = min(seconds(lambda on=on: cpu.run(executed(full), on)) for on in others)  # type: ignore[misc]
    yield Measurement("reference / fast, the core alone", everything / evaluated, "x", more=True)


def _micro_ops(one: Cell) -> int:
    return sum(sum(run.trace.kinds().values()) * run.count for run in executed(one))


def memory() -> Iterator[Measurement]:
    """Time and memory against the size of the address space, each in its own process."""
    took: dict[str, float] = {}
    for name, size in SIZES.items():
        runs = [_child("one", size, 100) for _ in range(3)]
        took[name] = min(float(run.output) for run in runs)
        yield Measurement(f"{name}", took[name], "s")
        yield Measurement(f"{name}: memory", max(run.peak_mb for run in runs), MEGABYTES)
    yield Measurement("1 TiB / 1 GiB", took["1 TiB"] / took["1 GiB"], "x", 3.0)


def iterations() -> Iterator[Measurement]:
    """Time and memory against the number of iterations of each of the 8 runs."""
    for number in ITERATIONS:
        run = _child("one", 1 << 30, number)
        target = 5.0 if number == 1_000_000 else None
        yield Measurement(f"8 x {number:,} iterations", float(run.output), "s", target)
        yield Measurement(f"8 x {number:,} iterations: memory", run.peak_mb, MEGABYTES)


def cells() -> Iterator[Measurement]:
    """Cells per second against the number of cells and of workers."""
    for number in CELLS:
        for jobs in sorted({1, 2, cpus()}):
            took = float(_child("many", number, jobs).output)
            name = f"{number} cells, {jobs} workers"
            yield Measurement(name, number / took, "cells/s", more=True)


def _child(what: str, *numbers: int) -> Ended:
    words = ["-m", "benchmarks.child", what, *map(str, numbers)]
    return command(words, environment={"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])})


SUITES: Mapping[str, Suite] = {
    "questions": questions,
    "sweeps": sweeps,
    "commands": commands,
    "cell": one_cell,
    "evaluation": evaluation,
    "engines": engines,
    "memory": memory,
    "iterations": iterations,
    "cells": cells,
}
"""By name, in the order in which they run."""
