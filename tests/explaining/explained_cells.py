"""Cells for the tests of explanations and break-evens: one machine and layout, two strategies."""

from __future__ import annotations

from functools import cache

from costmodel.config.machine import Machine, load_machine
from costmodel.config.scenario import Protocol
from costmodel.config.workload import Workload
from costmodel.experiment import Cell

GIB = 1 << 30


@cache
def machine(name: str) -> Machine:
    return load_machine(name)


def cell(name: str, strategy: str, order: int = 9) -> Cell:
    workload = Workload(
        operation="fork", memory_bytes=GIB, folio_orders={order: 1.0}, state="writable"
    )
    return Cell(machine(name), workload, strategy, Protocol())


def munmap_pair(name: str, strategy: str, order: int) -> tuple[Cell, Cell]:
    workload = Workload(
        operation="zap", memory_bytes=GIB, folio_orders={order: 1.0}, state="munmap"
    )
    one, other = (Cell(machine(name), workload, s, Protocol()) for s in (strategy, "v6.7"))
    return one, other


def pair(name: str, strategy: str, baseline: str = "v6.7", order: int = 9) -> tuple[Cell, Cell]:
    return cell(name, strategy, order), cell(name, baseline, order)
