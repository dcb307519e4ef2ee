"""Makes the traces of archives: by the whole tables that were recorded, or by their steps."""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from costmodel.arrays import Ints
from costmodel.code.expand import REGION_SHIFT, SLOT_ORIGIN, memory_producers
from costmodel.code.subkinds import kind_of, subkind_of
from costmodel.code.trace import NO_ADDRESS, TableRun, Trace
from costmodel.code.uops import Kind, Target
from costmodel.config.errors import ConfigError
from costmodel.mm.pte import PTE_BYTES, TABLE_PTES
from costmodel.mm.shapes import ShapedSpace, TableShape
from costmodel.mm.state import PteState
from costmodel.operations.registry import operation_named
from costmodel.operations.shared.strategy import Strategy
from costmodel.recorder.archive import ALIGNED, RecordedProgram, Recording
from costmodel.recorder.build_archive import (
    FREED_BEFORE,
    OLD_FRAMES,
    RELEASE,
    SCATTERED,
    SPREAD,
    TABLE,
    BuildArchive,
    load_archive,
)
from costmodel.recorder.recorded import WholeTables, refuse_holes
from costmodel.units import LINE_BYTES

_OTHER_LINES: Final = 1 << 12
"""First number of cache lines of the recorded build, so that they differ from the allocation's."""
_OTHER_SITES: Final = 1 << 16
"""First number of branch sites of the recorded build, so that they differ from the allocation's."""


def archive_runs(
    strategy: Strategy, program: str, isa: str, space: ShapedSpace, *, aligned: bool
) -> list[TableRun]:
    """Return what a strategy that an archive stands behind executes on an address space.

    ``aligned``: order-0 frames lie in their blocks of 16 as their entries do, as contiguous frames
    do. Raises ConfigError where the archive holds neither steps nor the tables that are needed.
    """
    path = strategy.archive
    assert path is not None
    archive = load_archive(path)
    if strategy.code is None and not _steps_execute(path, space, aligned=aligned):
        runs = recorded_runs(path, space, aligned=aligned)
    else:
        _refuse_other_states(archive, space)
        traced = operation_named(strategy.operation).trace(strategy, program, isa, space)
        runs = list(traced)
    behind = _whole(archive).behind
    if not archive.info.slots or behind is None:
        return runs
    return [*runs, *behind(archive, partial(_open, path), space, runs, aligned)]


def _refuse_other_states(archive: BuildArchive, space: ShapedSpace) -> None:
    """Raise ConfigError for a state in which the kernel executes what its steps do not hold.

    A state that needs an option of the kernel must have been recorded itself.
    """
    operation = operation_named(archive.info.operation)
    loops = operation.recorded().loops
    recorded = {window.state for window in archive.program.recordings.values()}

    def holds(state: PteState) -> bool:
        has_option = not state.option or state.name in recorded
        return has_option and (loops is None or loops.holds(state))

    asked = space.shapes[0].state
    if not holds(asked):
        held = ", ".join(state.name for state in operation.words.states if holds(state))
        raise ConfigError.of(
            f"@{archive.info.name}", f"holds steps for the states {held}", got=asked.name
        )


def recorded_runs(path: Path, space: ShapedSpace, *, aligned: bool) -> list[TableRun]:
    """Return the tables of an address space of whole, equal tables as an archive recorded them.

    Raises ConfigError for a folio layout or a state that the archive does not hold.
    """
    archive = load_archive(path)
    keys = [(_key(archive, shape, aligned), shape) for shape in space.shapes]
    return [TableRun(_open(path, key, shape), shape.count, shape.ptes) for key, shape in keys]


def _steps_execute(path: Path, space: ShapedSpace, *, aligned: bool) -> bool:
    """Tell whether an address space is priced by the steps of an archive, not by its whole tables.

    It is where the steps reproduce all recorded tables exactly or hold the release of their pages,
    and where the archive has steps but lacks a table of the address space.
    """
    archive = load_archive(path)
    if archive.info.exact or archive.releases_by_steps or not archive.info.has_steps:
        return archive.info.has_steps
    try:
        for shape in space.shapes:
            _key(archive, shape, aligned)
    except ConfigError:
        return True
    return False


def _key(archive: BuildArchive, shape: TableShape, aligned: bool) -> str:
    """Return the name of the recorded window of a table's shape; raise ConfigError if none is."""
    recordings, layout = archive.program.recordings, _layout(archive, shape, aligned)
    whole = _whole(archive)
    state = whole.state(shape)
    if f"{state}/{layout}" not in recordings:
        states = {window.state for window in recordings.values()}
        words = operation_named(archive.info.operation).words.states
        held = [s.name for s in words if whole.states.get(s.name, s.name) in states]
        reason = f"holds tables in the states {', '.join(held)}"
        raise ConfigError.of(f"@{archive.info.name}", reason, got=shape.state.name)
    return f"{state}/{layout}"


def _whole(archive: BuildArchive) -> WholeTables:
    return operation_named(archive.info.operation).recorded().whole


def _layout(archive: BuildArchive, shape: TableShape, aligned: bool) -> str:
    """Return the recorded layout of a table's shape; raise ConfigError if none was recorded."""
    name, held = archive.info.name, archive.layouts()
    if len(set(shape.orders)) > 1:
        reason = "holds whole tables of one folio order, no mix of them"
        raise ConfigError.of(f"@{name}", reason)
    refuse_holes(name, "whole tables", shape.empty)
    if shape.ptes != TABLE_PTES:
        raise ConfigError.of(f"@{name}", "holds whole tables: memory must be a multiple of 2 MiB")
    order = shape.orders[0]
    for kind in (ALIGNED,) * aligned + (TABLE, ""):
        if f"order{order}{kind}" in held:
            return f"order{order}{kind}"
    orders = sorted({layout.removeprefix("order")[0] for layout in held})
    reason = f"holds tables of the orders {', '.join(orders)}"
    raise ConfigError.of(f"@{name}", reason, got=f"order {order}")


def _open(path: Path, key: str, shape: TableShape) -> Trace:
    return _trace(path, path.stat().st_mtime_ns, key, shape)


@lru_cache(maxsize=64)
def _trace(path: Path, _mtime_ns: int, key: str, shape: TableShape) -> Trace:
    archive = load_archive(path)
    spread = SPREAD if SCATTERED in key else 1
    rows = _columns(archive.program, archive.program.recordings[key], shape, spread)
    is_release = key.endswith(RELEASE)
    segment = "release" if is_release else operation_named(archive.info.operation).words.loop
    before = _whole(archive).before
    if before is not None and not is_release:
        architecture = archive.program.name.rpartition(".")[2]
        return _joined(before(architecture, shape), rows, segment)
    return Trace(
        **rows,
        step_start=np.zeros(1, np.int32),
        step_id=np.zeros(1, np.int32),
        step_names=(),
        segments=((segment, 0, len(rows["kind"])),),
    )


def _columns(
    program: RecordedProgram, window: Recording, shape: TableShape, spread: int
) -> dict[str, NDArray[Any]]:
    """Return the rows of a recorded window as the columns of a trace.

    ``spread``: how many folio sizes lie between the starts of two recorded folios. Struct pages
    between two of them belong to nobody known: the page allocator meets them as buddies.
    """
    uop = window.uop
    kinds = np.array([kind_of(kind) for kind in program.kind], np.uint8)
    pairs = zip(program.kind.tolist(), program.op.tolist(), strict=True)
    subkinds = np.array([subkind_of(kind, op) for kind, op in pairs], np.uint8)
    targets = np.array([Target[t.upper()] if t else 0 for t in program.target], np.uint8)
    rows = np.arange(len(uop))[:, None]
    inputs = np.where(window.distance > 0, rows - window.distance, -1).astype(np.int32)
    kind, target = kinds[uop], targets[uop]
    page, buddy = _struct_pages(window.index, shape, spread)
    address = _addresses(target.astype(np.int64), window, page)
    return {
        "kind": kind,
        "subkind": subkinds[uop],
        "inputs": inputs,
        "address": address,
        "size_bytes": program.size_bytes[uop].astype(np.int16),
        "target": np.where((target == Target.PAGE) & buddy, Target.BUDDY, target).astype(np.uint8),
        "taken": np.where(kind == Kind.BRANCH, window.taken, -1).astype(np.int8),
        "site": program.site[uop].astype(np.int32),
    }


def _struct_pages(index: Ints, shape: TableShape, spread: int) -> tuple[Ints, NDArray[np.bool_]]:
    """Return the frames of struct pages, and which of them lie between two recorded folios.

    Indices far behind those of the table belong to folios that were freed long before.
    """
    pages = 1 << shape.orders[0]
    old = index >= OLD_FRAMES // 2
    place = index - OLD_FRAMES * old
    folio = np.clip(place // (pages * spread), 0, len(shape.orders) - 1)
    inside = place - folio * pages * spread
    frame = np.array(shape.first_pfns)[folio] + inside + FREED_BEFORE * old
    return frame, (spread > 1) & ((inside < 0) | (inside >= pages))


def _addresses(target: Ints, window: Recording, page: Ints) -> Ints:
    """Return byte addresses; ``page`` holds the frame of each row that touches a struct page."""
    index, offset = window.index, window.offset
    entry = np.isin(target, (Target.SRC, Target.DST))
    line = np.where(target == Target.PAGE, page, index + _OTHER_LINES)
    place = np.where(entry, SLOT_ORIGIN + index * PTE_BYTES, line * LINE_BYTES) + offset
    return np.where(target > 0, (target << REGION_SHIFT) + place, NO_ADDRESS)


def _joined(before: Trace, rows: dict[str, NDArray[Any]], segment: str) -> Trace:
    """Return a trace of all but the last row of ``before``, followed by recorded rows."""
    first = len(before) - 1
    columns = {
        name: np.concatenate([getattr(before, name)[:first], values])
        for name, values in rows.items()
        if name != "inputs"
    }
    columns["site"][first:] += _OTHER_SITES
    inputs = np.where(rows["inputs"] >= 0, rows["inputs"] + first, -1)
    inputs = np.concatenate([before.inputs[:first], inputs]).astype(np.int32)
    memory_producers(columns["kind"], columns["address"], columns["size_bytes"], inputs)
    starts = before.step_start[before.step_start < first]
    return Trace(
        **columns,
        inputs=inputs,
        step_start=np.append(starts, first).astype(np.int32),
        step_id=np.append(before.step_id[: len(starts)], len(before.step_names)).astype(np.int32),
        step_names=before.step_names,
        segments=((segment, 0, len(columns["kind"])),),
    )
