"""A small timeline: 8 PTEs of a fork of 128 KiB, on each kind of machine."""

from __future__ import annotations

from functools import cache

import pytest

from costmodel import api
from costmodel.experiment import Cell
from costmodel.timeline.cell import timeline_of
from costmodel.timeline.times import Timeline

CASES = (
    ("ampere-altra", "v6.7", 0),
    ("ampere-altra", "contpte-per-pte", 4),
    ("xeon-4210r", "folio-batch-v6.9", 3),
)


def made_cell(machine: str, strategy: str, order: int) -> Cell:
    return api.cell(machine, strategy, order=order, memory="128 KiB")


@cache
def made(machine: str, strategy: str, order: int) -> Timeline:
    return timeline_of(made_cell(machine, strategy, order), ptes=8)


@pytest.fixture(params=CASES, ids=lambda case: "-".join(map(str, case)))
def case(request: pytest.FixtureRequest) -> tuple[str, str, int]:
    """Machine, strategy and folio order."""
    parameters: tuple[str, str, int] = request.param
    return parameters


@pytest.fixture
def small_cell(case: tuple[str, str, int]) -> Cell:
    """A cell of 32 PTEs."""
    return made_cell(*case)


@pytest.fixture
def shown(case: tuple[str, str, int]) -> Timeline:
    """Eight PTEs in its middle."""
    return made(*case)
