"""Makes the HTML page of results: chooses the numbers with sliders, and what is explained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isclose
from typing import TYPE_CHECKING, Any

from costmodel.checking.verdict import verdicts_of
from costmodel.config.document import Document
from costmodel.config.errors import ConfigError
from costmodel.config.overrides import load_with_overrides
from costmodel.config.scenario import scenario_of
from costmodel.experiment import Cell, Comparison, compare_cells
from costmodel.explaining.attribution import explained
from costmodel.plan import plan
from costmodel.results.document import ResultFile
from costmodel.results.page.page import page
from costmodel.results.page.rows import fastest
from costmodel.results.text.explanation import explanation_document
from costmodel.strategies.resolve import NamesByOperation
from costmodel.sweeps.what_if import WhatIf, check_over, what_if

if TYPE_CHECKING:
    from costmodel.config.machine import Machine
    from costmodel.results.records import ResultKey
    from costmodel.sweeps.axes import SweepAxis

_SAME = 1e-9
"""Exact times whose relative difference is smaller count as equal."""

Progress = Callable[[str], object]


def page_of_results(
    results: ResultFile,
    comparisons: Sequence[Comparison],
    over: Sequence[SweepAxis] = (),
    *,
    jobs: int = 1,
    progress: Progress = lambda _: None,
) -> str:
    """Return the page of results that were just computed, as HTML.

    ``over`` are the axes that sliders move; by default the numbers that decide most on each
    machine. For every machine and folio layout, the fastest strategy without a caution is
    explained. ``progress`` is called with the name of each part of the work. ``jobs`` processes
    share it. Raises ConfigError for axes that cannot be varied.
    """
    grids: dict[str, WhatIf] = {}
    explanations: dict[tuple[str, str], Mapping[str, Any]] = {}
    for name in results.machines:
        mine = [c for c in comparisons if c.result.cell.machine.name == name]
        progress(f"sliders of {name}")
        pairs = [(c.result.cell, c.baseline.cell) for c in mine]
        grids[name] = what_if(pairs, over, jobs=jobs)
        progress(f"explanations on {name}")
        for found in _to_explain(results, name, mine):
            new, base = found.result.cell, found.baseline.cell
            explanations[name, new.workload.column] = explanation_document(
                explained(new, base, jobs=jobs), {}, verdicts_of((new, base))
            )
    progress("page")
    return page(results, grids, explanations)


def page_of_file(
    results: ResultFile,
    over: Sequence[SweepAxis] = (),
    *,
    jobs: int = 1,
    progress: Progress = lambda _: None,
) -> tuple[str, str]:
    """Return the page of a result file, and why it has no sliders; that is empty if it has some.

    Sliders need the machines and strategies of the file. These are those of the scenario in it, if
    they still give the same times.
    """
    question = _question(results)
    if isinstance(question, str):
        return page(results, {}, {}, why_no_sliders=question), question
    cells, machines = question
    check_over(over, machines)
    progress("results")
    found = compare_cells(cells, results.baseline, noise=False, jobs=jobs, intervals=False)
    if why := _moved(results, found):
        return page(results, {}, {}, why_no_sliders=why), why
    return page_of_results(results, found, over, jobs=jobs, progress=progress), ""


def _to_explain(
    results: ResultFile, machine: str, comparisons: Sequence[Comparison]
) -> list[Comparison]:
    cells = [fastest(results.panel(machine, layout)) for layout in results.columns]
    wanted = {(cell.column, cell.strategy) for cell in cells if cell is not None}
    return [
        c for c in comparisons if (c.result.cell.workload.column, c.result.cell.strategy) in wanted
    ]


def _question(results: ResultFile) -> tuple[list[Cell], Mapping[str, Machine]] | str:
    """Return the cells and machines that a file was computed from, or why they are unknown."""
    made = results.provenance
    if made.scenario is None:
        return "the file does not say what it was computed from"
    document = Document("scenario", _as_written(made.scenario))
    names = NamesByOperation()
    try:
        scenario = scenario_of(document, base=None, strategies=names)
        asked, machines = load_with_overrides(scenario, made.overrides or (), strategies=names)
        cells = plan(asked, machines).cells
    except ConfigError as error:
        return f"what the file was computed from is not here ({error.faults[0].reason})"
    wanted = {cell.key for cell in results.cells}
    return [cell for cell in cells if _key(cell) in wanted], machines


def _as_written(scenario: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scenario of a result file as a scenario file has it: with numbers as keys."""
    orders = [
        {int(order): share for order, share in mix.items()} if isinstance(mix, dict) else mix
        for mix in scenario.get("folio_orders") or ()
    ]
    said = {key: value for key, value in scenario.items() if value is not None}
    return said | ({"folio_orders": orders} if orders else {})


def _moved(results: ResultFile, found: Sequence[Comparison]) -> str:
    """Return why computed cells differ from those of a file; empty if they do not."""
    before = {cell.key: cell.ns_per_pte for cell in results.cells}
    now = {_key(c.result.cell): c.result.ns_per_pte for c in found}
    moved = [k for k, ns in before.items() if not isclose(ns, now.get(k, 0.0), rel_tol=_SAME)]
    if not moved:
        return ""
    version = results.provenance.version
    return (
        f"{len(moved)} of its {len(before)} times come out otherwise now (it was made by costmodel "
        f"{version})"
    )


def _key(cell: Cell) -> ResultKey:
    """Return the key of a cell in a result file."""
    workload, orders = cell.workload, tuple(sorted(cell.workload.folio_orders.items()))
    return cell.machine.name, orders, workload.cpus, workload.threads, cell.strategy
