"""Results made by hand: what reports are tested with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import pytest

from costmodel.config.machine import Machine, load_machine
from costmodel.config.scenario import Protocol
from costmodel.config.workload import Workload
from costmodel.experiment import Cell, Comparison, Result, compare
from costmodel.statistics import exact, summarise
from costmodel.strategies.builds import BOOTED

GIB = 1 << 30
PTES = GIB // 4096
NAMES = ("v6.7", "folio-batch-prototype", "contpte-folio-batch-noyoungdirty", "contpte-per-pte")


@cache
def machine_of(name: str) -> Machine:
    return load_machine(name)


def workload(layout: int | Mapping[int, float]) -> Workload:
    orders = {layout: 1.0} if isinstance(layout, int) else dict(layout)
    return Workload(operation="fork", memory_bytes=GIB, folio_orders=orders, state="writable")


def result(
    machine: str,
    layout: int | Mapping[int, float],
    strategy: str,
    seconds: float,
    *,
    noise: bool = True,
) -> Result:
    """Return a result whose time is ``seconds``, with 1 % between and 2 % within runs."""
    generator = np.random.default_rng(7)
    runs = 1 + 0.01 * generator.standard_normal((8, 1))
    samples = seconds * runs * (1 + 0.02 * generator.standard_normal((8, 100)))
    return Result(
        cell=Cell(machine_of(machine), workload(layout), strategy, Protocol(), BOOTED),
        ptes=PTES,
        exact_ps=round(seconds * 1e12),
        stack_ns_per_pte={"llc": 0.75 * seconds * 1e9 / PTES, "width": 0.25 * seconds * 1e9 / PTES},
        micro_ops_per_pte={"alu": 71.7, "load": 18.2},
        summary=summarise(samples) if noise else exact(seconds),
        samples_ps=np.rint(samples * 1e12).astype(np.int64) if noise else None,
        drawn_logs=((), ()),  # no model made it: no number of the machine matters
    )


def made(*, noise: bool = True, machine: str = "ampere-altra") -> list[Comparison]:
    """Return two orders of four strategies; contpte-per-pte is a storm at order-9."""
    results = [
        result(machine, order, name, seconds, noise=noise)
        for order, times in {0: (5.1, 5.1, 5.2, 5.4), 9: (4.6, 4.0, 3.9, 172.7)}.items()
        for name, seconds in zip(NAMES, (t / 1000 for t in times), strict=True)
    ]
    return compare(results, "v6.7")


@pytest.fixture
def comparisons() -> Callable[..., list[Comparison]]:
    """The function that makes comparisons: see ``made``."""
    return made


@pytest.fixture
def one_result() -> Callable[..., Result]:
    """The function that makes a single result: see ``result``."""
    return result
