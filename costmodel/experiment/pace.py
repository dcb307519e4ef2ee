"""Computes how fast a cell is without noise: many cells at once, or one on many machines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from costmodel.experiment.cell import Cell, executed
from costmodel.simulation import Engine
from costmodel.units import PS_PER_S, PS_PER_US

if TYPE_CHECKING:
    from costmodel.code.trace import TableRun
    from costmodel.config.machine import Machine
    from costmodel.cpu.stack import Timing
    from costmodel.cpus.contention import Contention
    from costmodel.cpus.setup import Setup
    from costmodel.simulation.schedule import PricedOperation


class Pace(NamedTuple):
    """How fast a cell is without noise: time of an operation, operations of all CPUs a second."""

    ps: int
    per_s: float


def exact_seconds(cell: Cell) -> float:
    """Return the time of one operation of a cell in seconds, without noise and without a result."""
    return exact_seconds_of([cell])[0]


def exact_seconds_of(cells: Sequence[Cell]) -> list[float]:
    """Return the same of many cells, which the core computes together."""
    return [pace.ps / PS_PER_S for pace in paces_of(cells)]


def exact_seconds_on(cell: Cell, machines: Sequence[Machine]) -> list[float]:
    """Return the same of a cell on other machines."""
    return exact_seconds_of([replace(cell, machine=machine) for machine in machines])


def seconds_around(cell: Cell) -> Callable[[Machine], float]:
    """Return the exact time of a cell of one CPU, in seconds, as a function of its machine.

    The machines that the function is asked about may differ from the cell's in what lies around the
    page tables alone: what the core executes is priced once, here.
    """
    from costmodel.cpus.machine_in_use import machine_in_use
    from costmodel.simulation.schedule import price_operation

    runs = executed(cell)
    asked = [(runs, machine_in_use(cell.machine, cell.workload))]
    (timing,) = _timings(asked, Engine.FAST)

    def seconds(machine: Machine) -> float:
        used = machine_in_use(machine, cell.workload)
        operation = price_operation(timing, used, cell.workload, runs, strategy=cell.strategy)
        return operation.total_ps / PS_PER_S

    return seconds


def exact_ps_of(runs: Sequence[TableRun], cell: Cell) -> int:
    """Return the time of a cell in picoseconds, without noise; ``runs`` is what it executes."""
    return paces_of([cell], [runs])[0].ps


def paces_of(
    cells: Sequence[Cell], executes: Sequence[Sequence[TableRun]] | None = None
) -> list[Pace]:
    """Return how long an operation takes, and how often it is done, of each cell, without noise.

    The core computes all together. ``executes`` says what each cell executes; by default it is what
    its strategy says.
    """
    runs = [executed(cell) for cell in cells] if executes is None else executes
    return list(map(_pace_with, cells, runs, _priced_together(cells, runs, Engine.FAST)))


def _pace_with(cell: Cell, runs: Sequence[TableRun], operation: PricedOperation) -> Pace:
    """Return the pace of a cell whose operation has this price on a lone CPU."""
    crowd = setup_of(cell, operation, runs)
    if crowd is None:
        return pace_of(cell, operation.total_ps, None)
    from costmodel.cpus.contention import contention

    met = contention(crowd)
    return pace_of(cell, met.mean_ps, met)


def pace_of(cell: Cell, exact_ps: int, met: Contention | None) -> Pace:
    """Return the pace of a cell whose operation takes ``exact_ps``, where its CPUs have met."""
    if met is not None:
        return Pace(exact_ps, met.throughput_per_s)
    return Pace(exact_ps, PS_PER_S / (exact_ps + cell.workload.between_us * PS_PER_US))


def crowd_of(cell: Cell) -> Setup | None:
    """Return what the CPUs of a cell do and share, ready to be simulated; None for a lone CPU."""
    runs = executed(cell)
    return setup_of(cell, priced(cell, runs, Engine.FAST), runs)


def setup_of(cell: Cell, operation: PricedOperation, runs: Sequence[TableRun]) -> Setup | None:
    """Return what the CPUs in use do and share; None for a lone CPU, which needs no simulation.

    ``operation`` is the priced operation of a lone CPU, ``runs`` what it executes.
    """
    if not cell.workload.many_cpus:
        return None
    from costmodel.cpus.setup import setup  # a lone CPU does not need its time to load

    return setup(operation, cell.machine, cell.workload, runs)


def priced(cell: Cell, runs: Sequence[TableRun], engine: Engine) -> PricedOperation:
    """Return the operation as one CPU executes it without waiting for any other CPU."""
    return _priced_together([cell], [runs], engine)[0]


def _priced_together(
    cells: Sequence[Cell], executes: Sequence[Sequence[TableRun]], engine: Engine
) -> list[PricedOperation]:
    from costmodel.cpus.machine_in_use import machine_in_use  # not needed for what is known
    from costmodel.simulation.schedule import price_operation

    machines = [machine_in_use(cell.machine, cell.workload) for cell in cells]
    timings = _timings(list(zip(executes, machines, strict=True)), engine)
    return [
        price_operation(timing, machine, cell.workload, runs, strategy=cell.strategy)
        for cell, runs, machine, timing in zip(cells, executes, machines, timings, strict=True)
    ]


def _timings(
    asked: Sequence[tuple[Sequence[TableRun], Machine]], engine: Engine
) -> Sequence[Timing]:
    """Return what the core takes for the page tables of each of ``asked`` on its machine."""
    if engine is Engine.REFERENCE:
        from costmodel.cpu import reference

        return [reference.run(runs, machine) for runs, machine in asked]
    from costmodel import cpu

    return cpu.run_all(asked)
