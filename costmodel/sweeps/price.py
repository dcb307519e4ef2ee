"""Prices the cells of one chunk of a sweep, as a table of columns."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from costmodel.code.trace import ptes_of
from costmodel.config.errors import ConfigError
from costmodel.config.machine import Machine
from costmodel.cpu.engine import TOGETHER
from costmodel.experiment import Cell, build_of, exact_seconds_on, executed
from costmodel.experiment.run import CellKey
from costmodel.parallel import give_back
from costmodel.sweeps.design import Column, order_of
from costmodel.sweeps.study import Chunk, SweepWork
from costmodel.units import PS_PER_NS, PS_PER_S

Table = dict[str, NDArray[Any]]
"""Columns of equal length, by name."""


def packed(study: SweepWork) -> bytes:
    """Return the work of a sweep as bytes, in which form other processes get it."""
    return pickle.dumps(study)


def price_chunk(study: bytes, number: int) -> Table:
    """Return the rows of chunk ``number`` of a packed study, as :func:`price_piece` does."""
    return price_piece(study, _unpacked(study).chunks[number])


def price_piece(study: bytes, chunk: Chunk) -> Table:
    """Return the rows of some points, ordered by point, folio layout and strategy, baseline first.

    ``study`` is a packed one, which a process unpacks once. Where the numbers of a point contradict
    each other (such as an L2 slower than the last-level cache), its times are NaN.
    """
    unpacked = _unpacked(study)
    values, order = _points(study, chunk.block)
    return _priced(unpacked, chunk.block, values, order[chunk.first : chunk.last])


@lru_cache(maxsize=1)
def _unpacked(study: bytes) -> SweepWork:
    found: SweepWork = pickle.loads(study)
    return found


@lru_cache(maxsize=1)
def _points(study: bytes, block: int) -> tuple[dict[str, Column], NDArray[np.int64]]:
    """Return the points of a block and their order, remembered for the chunks that follow."""
    unpacked = _unpacked(study)
    values = unpacked.values(unpacked.blocks[block].machine)
    return values, order_of(list(values.values()), unpacked.points)


def _priced(
    study: SweepWork, number: int, values: Mapping[str, Column], points: NDArray[np.int64]
) -> Table:
    block = study.blocks[number]
    each = len(block.cells)
    different = list(dict.fromkeys(CellKey(cell) for cell in (*block.cells, *block.bases)))
    asked = [key.cell for key in different]
    all_seconds = np.concatenate(
        [
            _seconds(asked, [_changed(block.machine, values, point) for point in some.tolist()])
            for some in np.split(points, range(TOGETHER, len(points), TOGETHER))
        ]
    )
    at = {key: column for column, key in enumerate(different)}
    seconds, baseline = (
        all_seconds[:, [at[CellKey(cell)] for cell in cells]].reshape(-1)
        for cells in (block.cells, block.bases)
    )
    layouts = [cell.workload.layout for cell in block.cells]
    ptes = np.array([ptes_of(executed(cell)) for cell in block.cells])
    rows = len(points)
    table: Table = {"point": np.repeat(points + study.first_point(number), each)}
    table["machine"] = np.full(rows * each, block.machine.name)
    for axis in study.keys:
        table[axis.key] = np.full(rows * each, block.setting[axis.key])
    for axis in study.numbers:
        column = values.get(axis.key)
        own = np.full(rows, np.nan) if column is None else column.values[points]
        table[axis.key] = np.repeat(
            own.astype(np.float64) if own.dtype.kind in "iuf" else own, each
        )
    table["folio_layout"] = np.tile(layouts, rows)
    table["strategy"] = np.tile([cell.strategy for cell in block.cells], rows)
    table["build"] = np.tile([build_of(cell) for cell in block.cells], rows)
    table["seconds"] = seconds
    table["baseline_seconds"] = baseline
    table["ns_per_pte"] = seconds * (PS_PER_S / PS_PER_NS) / np.tile(ptes, rows)
    table["change_pct"] = 100 * (seconds / baseline - 1)
    return table


def _changed(machine: Machine, values: Mapping[str, Column], point: int) -> Machine | None:
    """Return the machine of a point; None where its numbers contradict each other."""
    numbers = {column.key: column.typed(point) for column in values.values()}
    try:
        return machine.with_values(numbers, origin="--over")
    except ConfigError:
        return None


def _seconds(cells: Sequence[Cell], machines: Sequence[Machine | None]) -> NDArray[np.float64]:
    """Return the times of cells on each of some machines, float64[machines, cells]."""
    seconds = np.full((len(machines), len(cells)), np.nan)
    on = [at for at, machine in enumerate(machines) if machine is not None]
    known = [machine for machine in machines if machine is not None]
    for column, cell in enumerate(cells):
        seconds[on, column] = exact_seconds_on(cell, known)
        give_back()  # holes that traces left: 40 MB of each process, for at most 6 % of the time
    return seconds
