"""What ``costmodel measure`` does: it measures, writes a machine file, and compares predictions."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from costmodel.config.errors import ConfigError, Faults, describe
from costmodel.config.machine import Machine
from costmodel.loops.form import Loop
from costmodel.loops.price import PricedLoop, price_loop
from costmodel.measure.document import document
from costmodel.measure.in_caches import in_caches_text
from costmodel.measure.kernels import Isa, isa_here
from costmodel.measure.likeness import nearest
from costmodel.measure.loops import experiments, with_cycles
from costmodel.measure.machine_text import Made, machine_text
from costmodel.measure.operations import Operations, measure_operations
from costmodel.measure.prediction import (
    Compared,
    RunningKernel,
    call_ns,
    compared,
    running_kernel,
    strategies_named,
)
from costmodel.measure.process import Lost
from costmodel.measure.readings import Number, numbers_of
from costmodel.measure.session import Session, measure_core, plan_for, steps
from costmodel.measure.system import System, read_system
from costmodel.measure.visited import cpus_to_visit

Advance = Callable[[float], object]
Stage = Callable[[str, float], AbstractContextManager[Advance]]
"""Opens a part of the work, given its name and its length in steps. The context is the function
that reports finished steps."""


@dataclass(frozen=True)
class Wanted:
    """What to measure, and what the machine is called."""

    like: Machine | None = None
    """Where nothing was measured, its numbers are kept; None: those of the nearest machine."""
    name: str = "this-machine"
    quick: bool = False
    validate: bool = True
    cpu: int | None = None
    loops: tuple[Loop, ...] = ()
    """Loops that are timed in addition."""
    strategies: tuple[str, ...] = ()
    """Strategies that operations are predicted with; without one, the strategy that stands for the
    running kernel."""


@dataclass(frozen=True)
class Found:
    """What was measured, and what the model says of it."""

    system: System
    session: Session
    numbers: list[Number]
    made: Made
    nearest: Machine
    why: str
    running: RunningKernel
    named: Mapping[str, str]
    """Strategies that operations are predicted with, by operation."""
    operations: Operations | None = None
    rows: list[Compared] = field(default_factory=list)
    loops: list[Loop] = field(default_factory=list)
    """The loops that could be run, with the cycles that they took."""
    priced: list[PricedLoop] = field(default_factory=list)
    """Their times as the model predicts them."""

    def numbers_text(self) -> str:
        """Return the measured numbers as a table; below it stands what could not be measured."""
        from costmodel.results.text.measured import numbers_text

        return numbers_text(
            self.system, self.session, self.numbers, self.made, self.nearest.name, self.why
        )

    def operations_text(self) -> str:
        """Return the operations beside their predictions; empty where none were wanted."""
        from costmodel.results.text.measured import not_as_recorded, operations_text

        if self.operations is None:
            return ""
        machine = self.made.machine
        small = {name: float(min(times)) for name, times in self.operations.small_ns.items()}
        notes = [
            *in_caches_text(small, machine, self.running, self.named),
            *not_as_recorded(self.rows, call_ns(machine), self.system.pte_functions),
        ]
        return operations_text(self.rows, machine.title, self.operations.lacking, notes)

    def document(self) -> dict[str, Any]:
        """Return all of it for JSON."""
        return document(
            self.system,
            self.session,
            self.numbers,
            self.made,
            self.operations,
            self.rows,
            self.priced,
        )


@contextmanager
def _silent(name: str, length: float) -> Iterator[Advance]:
    del name, length
    yield lambda step: None


def measure(wanted: Wanted, *, stage: Stage = _silent) -> Found:
    """Measure the machine that this runs on; raise ConfigError where that cannot be done."""
    isa = _isa()
    system = read_system()
    like, why = _nearest(wanted, system)
    cpus = _cpus(wanted.cpu)
    named = strategies_named(wanted.strategies)
    try:
        plan = plan_for(system, quick=wanted.quick)
        loops, left_out = experiments(wanted.loops, isa)
        with stage("measuring", steps(isa, plan, loops)) as advance:
            session = measure_core(isa, plan, loops=loops, cpus=cpus, progress=advance)
        session.lacking += left_out
        numbers = list(numbers_of(session, plan, system))
        operations = None
        if wanted.validate:
            seconds = 10 if wanted.quick else 45
            with stage("page-table operations", 1) as advance:
                operations = measure_operations(
                    system, quick=wanted.quick, seconds=seconds, progress=advance
                )
            numbers += operations.numbers()
    except Lost as reason:
        raise ConfigError.of("measure", str(reason)) from None
    made = machine_text(
        numbers,
        like,
        name=_name(wanted.name),
        title=f"{system.model_name or system.isa} (measured)",
        origin=_origin(session),
    )
    running = running_kernel(system.kernel, system.options, system.compiler, system.pte_functions)
    measured = operations.measured if operations else []
    rows = compared(measured, made.machine, running, named)
    timed = with_cycles(wanted.loops, session)
    # Loops are a program's own instructions: its returns go through no thunk of the kernel's.
    priced = [price_loop(loop, made.machine.without_mitigations()) for loop in timed]
    return Found(
        system, session, numbers, made, like, why, running, named, operations, rows, timed, priced
    )


def check_wanted(wanted: Wanted) -> None:
    """Raise ConfigError with every fault for which :func:`measure` would not begin."""
    faults = Faults()
    with faults.collected():
        _isa()
        _nearest(wanted, read_system())
    with faults.collected():
        _cpus(wanted.cpu)
    with faults.collected():
        strategies_named(wanted.strategies)
    faults.tell()


def _isa() -> Isa:
    isa = isa_here()
    if isa is None or sys.platform != "linux":
        import platform

        got = f"{platform.system()} on {platform.machine()}"
        raise ConfigError.of("measure", "works on Linux on x86-64 and arm64", got=got)
    return isa


def _nearest(wanted: Wanted, system: System) -> tuple[Machine, str]:
    if wanted.like is None:
        return nearest(system)
    if wanted.like.isa != system.isa:
        reason = f"must be a machine of {system.isa}"
        raise ConfigError.of("--like", reason, got=f"{wanted.like.name}, {wanted.like.isa}")
    return wanted.like, "--like"


def _cpus(cpu: int | None) -> list[int]:
    """Return the CPUs to measure on: ``cpu`` alone, or if it is None some CPUs of the same kind."""
    allowed = sorted(os.sched_getaffinity(0))
    if cpu is None:
        return cpus_to_visit(allowed)
    if cpu not in allowed:
        reason = f"must be a CPU that this process may use: {', '.join(map(str, allowed))}"
        raise ConfigError.of("--cpu", reason, got=describe(cpu))
    return [cpu]


def _origin(session: Session) -> str:
    return (
        f"costmodel measure, {session.date}, {session.rounds} rounds, load {session.loads[1]:.1f}"
    )


def _name(text: str) -> str:
    """Return a text as machine files allow names."""
    name = re.sub(r"[^a-z0-9.-]+", "-", text.lower()).strip("-.")
    return name or "this-machine"
