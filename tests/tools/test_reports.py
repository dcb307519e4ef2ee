"""The commands in docs/reports.md ask about the rows that they stand beside."""

from __future__ import annotations

import pytest

from costmodel import published
from costmodel.calibration.predict import cell_of
from costmodel.calibration.targets import reported
from costmodel.cli.main import parser
from costmodel.cli.question import ask
from costmodel.config.machine import load_machine
from costmodel.experiment import Cell
from costmodel.plan import plan
from tools.pages.reports import commands_of

TABLES = {number.row.table for number in reported()}


@pytest.mark.parametrize("one", published.tables(), ids=lambda one: str(one.table))
def test_every_reported_row_has_a_command_that_asks_about_it(one: published.Table) -> None:
    cells: list[Cell] = []
    for options in commands_of(one):
        words = [word for option in options for word in option]
        cells += plan(*ask(parser().parse_args(["run", *words]))).cells
    assert bool(cells) == (one.table in TABLES)
    asked = [(cell.strategy, cell.workload, cell.machine.changes) for cell in cells]
    for number in reported():
        if number.row.table == one.table:
            cell = cell_of(number.case, load_machine(number.row.machine))
            assert (cell.strategy, cell.workload, cell.machine.changes) in asked
