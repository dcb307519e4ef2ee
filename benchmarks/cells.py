"""The cells that are measured."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from costmodel.config.machine import Machine, load_machine
from costmodel.config.scenario import Protocol
from costmodel.config.workload import Workload
from costmodel.experiment import Cell
from costmodel.strategies.catalogue import built_in

GIB = 1 << 30
MACHINES = {"arm64": "ampere-altra", "x86_64": "xeon-4210r"}
ORDERS = (0, 4, 9)
STATES: dict[str, tuple[str, ...]] = {
    "fork": ("writable", "read-only"),
    "zap": ("exit", "munmap", "dontneed"),
}


def cell(
    machine: Machine,
    strategy: str = "v6.7",
    *,
    operation: str = "fork",
    memory_bytes: int = GIB,
    order: int = 0,
    state: str = "writable",
    iterations: int = 100,
) -> Cell:
    """Return a cell with 8 runs."""
    workload = Workload(
        operation=operation, memory_bytes=memory_bytes, folio_orders={order: 1.0}, state=state
    )
    return Cell(machine, workload, strategy, Protocol(runs=8, iterations=iterations, seed=1))


def all_cells(operation: str = "fork") -> Iterator[Cell]:
    """Yield every strategy with every order and state on a machine of each kind."""
    for isa, name in MACHINES.items():
        machine = load_machine(name)
        for strategy in built_in(operation).values():
            if isa not in strategy.programs:
                continue
            for order in ORDERS:
                for state in STATES[operation]:
                    yield cell(
                        machine, strategy.name, operation=operation, order=order, state=state
                    )


def in_turn() -> list[Cell]:
    """Return forks and unmaps in turn: a machine is faster in one minute than in another."""
    pairs = zip_longest(all_cells("fork"), all_cells("zap"))
    return [one for pair in pairs for one in pair if one is not None]
