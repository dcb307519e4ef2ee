"""Computes many cells, in several processes if wanted, and keeps their results on disk."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from pydantic import BaseModel

from costmodel.config.errors import ConfigError
from costmodel.config.sizes import size_text
from costmodel.disk_cache import memory_only
from costmodel.experiment.cell import Cell, build_of
from costmodel.experiment.pace import exact_seconds
from costmodel.experiment.result import Result, run_cell
from costmodel.parallel import apart, in_processes
from costmodel.simulation import Engine
from costmodel.simulation.noise import ALL_CAUSES, NoiseCause
from costmodel.store import Store, key_of, the_store
from costmodel.units import PS_PER_S

Values = Mapping[str, Any]
"""The fields of a result by name, all but the cell."""


def result_key(cell: Cell, *, noise: bool, causes: Iterable[str], intervals: bool) -> str | None:
    """Return the key of a result in the store; None where it may not be kept.

    Results of strategies from users, other packages and archives are not kept: their code may do
    something else the next time.
    """
    from costmodel.strategies.resolve import resolve

    strategy = resolve(cell.strategy, operation=cell.workload.operation)
    if strategy.code is not None or strategy.archive is not None:
        return None
    parts = (getattr(cell, each.name) for each in fields(Cell))
    return key_of(
        "result",
        *(p.model_dump_json() if isinstance(p, BaseModel) else json.dumps(p) for p in parts),
        json.dumps([noise, sorted(causes) if noise else [], intervals]),
    )


def known_values(keys: Mapping[int, str], store: Store) -> dict[int, Values]:
    """Return the fields of the results that the store has, by position."""
    found = store.get(list(keys.values()))
    return {position: found[key] for position, key in keys.items() if key in found}


REFERENCE_BYTES = 16 << 20
"""The largest mapping that the reference engine, which simulates every micro-op as an event, takes:
16 MiB need some 10 s."""
_CELLS_PER_PROCESS = 12


def run_cells(
    cells: Iterable[Cell],
    *,
    noise: bool = True,
    jobs: int = 1,
    engine: Engine = Engine.FAST,
    causes: frozenset[NoiseCause] = ALL_CAUSES,
    intervals: bool = True,
) -> list[Result]:
    """Compute cells and return their results in the order given.

    At most ``jobs`` processes share the work (1: this process alone); the results do not depend on
    it. ``causes`` are the causes of noise that act; with ``noise`` off none do, and results are
    exact. ``engine`` chooses the compiled model or its slow twin. With ``intervals`` the results
    hold the machines drawn for their intervals (``log_samples``) already, else these are priced
    when they are asked for. Results of built-in strategies are looked up in the store and kept
    there. Raises ConfigError for a strategy that cannot run on its cell.
    """
    todo = list(cells)
    if engine is Engine.REFERENCE:
        _check_size(todo)
    store = the_store() if engine is Engine.FAST else Store(None)
    keys = _keys(todo, store, noise, causes, intervals)
    values: dict[int, Values] = known_values(keys, store)
    missing = [(position, cell) for position, cell in enumerate(todo) if position not in values]
    tasks = [_Task(group, noise, engine, causes, intervals) for group in _groups(missing)]
    jobs = min(jobs, _worth(cell for _, cell in missing)) if engine is Engine.FAST else jobs
    if jobs > 1 and missing and engine is Engine.FAST:
        prepare(missing[0][1])
    computed = dict(itertools.chain(*in_processes(_run_task, tasks, jobs=jobs)))
    store.put({keys[position]: found for position, found in computed.items() if position in keys})
    values |= computed
    return [Result(cell=cell, **values[position]) for position, cell in enumerate(todo)]


_COMPILED_BY_ONE: Final = 40
"""How many functions one process compiles: the compiler keeps some 3 MB of each until it ends, and
takes a second to load."""
_COMPILING_PROCESSES: Final = 20


def compile_apart(cell: Cell) -> None:
    """Compile what prices cells like this one, if nothing was compiled on this computer before.

    The processes that do it, one after the other, end with the compiler, which would take 500 MB
    if one of them compiled everything (docs/sweep.md).
    """
    from costmodel.jit import is_to_compile
    from costmodel.machine_code import ends_within

    if not is_to_compile():
        return
    with memory_only():  # what is found in the store compiles nothing
        for _ in range(_COMPILING_PROCESSES):
            if apart(ends_within, _COMPILED_BY_ONE, exact_seconds, cell):
                break


def prepare(cell: Cell) -> None:
    """Load what it takes to price cells like this one, for processes that are forked from this one.

    The compiler is loaded only where something has to be traced anew.
    """
    compile_apart(cell)
    exact_seconds(cell)


def _keys(
    cells: Sequence[Cell], store: Store, noise: bool, causes: Iterable[str], intervals: bool
) -> dict[int, str]:
    """Return the store's keys of the results that may be kept, by position in ``cells``."""
    if store.path is None:
        return {}
    keys = (result_key(cell, noise=noise, causes=causes, intervals=intervals) for cell in cells)
    return {position: key for position, key in enumerate(keys) if key is not None}


def _check_size(cells: Sequence[Cell]) -> None:
    """Raise ConfigError for a mapping that the reference engine would take hours for."""
    largest = max((cell.workload.memory_bytes for cell in cells), default=0)
    if largest > REFERENCE_BYTES:
        reason = f"reference takes at most {size_text(REFERENCE_BYTES)} of memory"
        raise ConfigError.of("--engine", reason, got=size_text(largest))


def _worth(cells: Iterable[Cell]) -> int:
    """Return how many processes are worth starting: to load the engine takes as long as 12 cells.

    A cell of several CPUs takes longer, and is worth a process of its own.
    """
    alone = (not cell.workload.many_cpus for cell in cells)
    return max(1, sum(1 if lone else _CELLS_PER_PROCESS for lone in alone) // _CELLS_PER_PROCESS)


@dataclass(frozen=True)
class _Task:
    """Cells of one strategy with their positions: one process, so that it is traced only once."""

    cells: tuple[tuple[int, Cell], ...]
    noise: bool
    engine: Engine
    causes: frozenset[NoiseCause]
    intervals: bool


def _run_task(task: _Task) -> list[tuple[int, dict[str, Any]]]:
    """Return the fields of the results by position, all but the cell.

    The caller has the cells, and machines take long to send from process to process.
    """
    found = []
    for position, cell in task.cells:
        result = run_cell(cell, noise=task.noise, engine=task.engine, causes=task.causes)
        if task.intervals:
            result = replace(result, drawn_logs=result.on_drawn_machines)
        values = {each.name: getattr(result, each.name) for each in fields(Result)}
        found.append((position, {name: v for name, v in values.items() if name != "cell"}))
    return found


def _groups(cells: Iterable[tuple[int, Cell]]) -> Iterator[tuple[tuple[int, Cell], ...]]:
    groups: dict[tuple[str, ...], list[tuple[int, Cell]]] = {}
    for position, cell in cells:
        key = cell.machine.isa, cell.strategy, cell.build
        groups.setdefault(key, []).append((position, cell))
    for group in groups.values():
        yield tuple(group)


class KnownTimes:
    """Exact times of cells in seconds; each is computed once.

    ``work_out()`` computes those that will be needed in several processes.
    """

    def __init__(self) -> None:
        """Begin without any time."""
        self._known: dict[CellKey, Result] = {}

    def __call__(self, cell: Cell) -> float:
        """Return the exact time of a cell in seconds."""
        return self.result(cell).exact_ps / PS_PER_S

    def result(self, cell: Cell) -> Result:
        """Return the result of a cell without noise."""
        key = CellKey(cell)
        if key not in self._known:
            self.work_out([cell], jobs=1)
        return self._known[key]

    def work_out(self, cells: Iterable[Cell], *, jobs: int) -> None:
        """Compute and remember the results of ``cells``, in ``jobs`` processes."""
        keys = [key for key in dict.fromkeys(map(CellKey, cells)) if key not in self._known]
        results = run_cells((key.cell for key in keys), noise=False, jobs=jobs, intervals=False)
        self._known.update(zip(keys, results, strict=True))


class CellKey:
    """Identifies a cell by its machine object, workload, strategy and build.

    Cells themselves are no keys of mappings because machines are slow to hash.
    """

    def __init__(self, cell: Cell) -> None:
        """Keep a cell; where it names no build, the one that its strategy's name means counts."""
        self.cell = cell
        self._key = id(cell.machine), cell.workload, cell.strategy, build_of(cell)

    def __hash__(self) -> int:
        """Return a hash of machine object, workload, strategy and build."""
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        """Tell whether both are the same machine object, workload, strategy and build."""
        return isinstance(other, CellKey) and other._key == self._key
