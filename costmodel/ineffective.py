"""Finds the settings of a question that change no time, so that the user is told of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from costmodel.experiment import Cell, Result, exact_seconds
from costmodel.settings import Setting, settings_of_machine, settings_of_workload
from costmodel.simulation import NoiseSizes
from costmodel.units import PS_PER_S

_CHOOSE = ("contpte", "loop")
"""Keys that choose strategies or published numbers, and so never change a time by themselves."""


def ineffective(results: Sequence[Result]) -> tuple[Setting, ...]:
    """Return the settings that change no time in ``results``, which are all of one machine.

    Each setting alone is replaced by its default, and the cells are computed again until one time
    differs. A number of the machine that only sizes the noise counts as effective where noise was
    simulated. Settings that only choose strategies or published numbers are left out.
    """
    found = [s for s in _settings(result.cell for result in results) if s.key not in _CHOOSE]
    return tuple(s for s in found if not any(_matters(s, result) for result in results))


def ineffective_by_machine(results: Sequence[Result]) -> dict[str, tuple[Setting, ...]]:
    """Return the settings that change no time on a machine, by machine name."""
    mine: dict[str, list[Result]] = {}
    for result in results:
        mine.setdefault(result.cell.machine.name, []).append(result)
    return {name: ineffective(found) for name, found in mine.items()}


def _settings(cells: Iterable[Cell]) -> list[Setting]:
    found: dict[Setting, None] = {}
    for cell in cells:
        of_both = (*settings_of_workload(cell.workload), *settings_of_machine(cell.machine))
        found |= dict.fromkeys(of_both)
    return list(found)


def _matters(setting: Setting, result: Result) -> bool:
    cell = result.cell
    if setting.value == setting.default:
        return False
    machine, workload = setting.undone(cell.machine, cell.workload)
    if result.samples_ps is not None and setting.of_machine:
        orders = workload.folio_orders
        if NoiseSizes.of(machine, orders) != NoiseSizes.of(cell.machine, orders):
            return True
    before = exact_seconds(replace(cell, machine=machine, workload=workload))
    return before != result.exact_ps / PS_PER_S
