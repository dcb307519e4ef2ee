"""Setups of several CPUs with round numbers, for tests of the simulation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from costmodel.config.machine import Machine, load_machine
from costmodel.config.workload import Workload
from costmodel.cpu.stack import Timing
from costmodel.cpus.setup import Setup, setup
from costmodel.operations.protocol import OutsideCost, Surroundings
from costmodel.simulation.schedule import PricedOperation, Schedule, Stage

ALTRA = load_machine("ampere-altra")
XEON = load_machine("xeon-4210r")
EVERYTHING = ("zone_lock", "lru_lock", "memcg", "memory", "llc", "counters", "mmap_lock")


def workload(**changes: Any) -> Workload:
    """Return a fork of 4 MiB, with changes."""
    base = {
        "operation": "fork",
        "memory_bytes": 4 << 20,
        "folio_orders": {0: 1.0},
        "state": "writable",
    }
    return Workload.model_validate(base | changes)


@dataclass(frozen=True)
class GivenStages(PricedOperation):
    """An operation whose stages are said, not made from what the core takes."""

    stages: tuple[Stage, ...]

    @cached_property
    def schedule(self) -> Schedule:
        """The stages in order."""
        return Schedule(self.stages)


def priced(*stages: Stage, outside_ps: int = 0) -> PricedOperation:
    """Return an operation of some stages, part of it outside the page tables."""
    around = Surroundings(before=(OutsideCost({"around": outside_ps}),))
    return GivenStages(Timing((), ()), around, 1.0, stages)


def made(
    *stages: Stage,
    machine: Machine = ALTRA,
    numbers: Mapping[str, Any] | None = None,
    outside_ps: int = 0,
    **of: Any,
) -> Setup:
    """Return CPUs that execute stages on a machine with changed numbers, under a workload."""
    changed = machine.with_values({"tlbi.cpus_online": 4096, **(numbers or {})})
    return setup(priced(*stages, outside_ps=outside_ps), changed, workload(**of), [])
