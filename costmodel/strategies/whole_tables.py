"""Makes the traces of archives: by the whole tables that were recorded, or by their steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from costmodel.code.build import build
from costmodel.code.events import Step
from costmodel.code.expand import PTE_BYTES, REGION_SHIFT, SLOT_ORIGIN, memory_producers
from costmodel.code.library import load_library
from costmodel.code.record import recorder_of
from costmodel.code.subkinds import kind_of, subkind_of
from costmodel.code.trace import NO_ADDRESS, TableRun, Trace
from costmodel.code.uops import Kind, Target
from costmodel.config.errors import ConfigError
from costmodel.config.sizes import size_text
from costmodel.mm.pte import TABLE_PTES
from costmodel.mm.shapes import ShapedSpace, TableShape
from costmodel.mm.state import PteState
from costmodel.operations.fork.operation import OPERATION, READ_ONLY, WRITABLE
from costmodel.operations.registry import operation_named
from costmodel.operations.shared.strategy import Strategy
from costmodel.operations.zap.operation import DONTNEED, MUNMAP
from costmodel.operations.zap.reuse import Lists, share_apart, with_reuse
from costmodel.operations.zap.trace import FREED_BEFORE, unmaps_alone
from costmodel.recorder.archive import ALIGNED, RecordedProgram, Recording
from costmodel.recorder.build_archive import (
    OLD_FRAMES,
    RELEASE,
    SCATTERED,
    SPREAD,
    TABLE,
    BuildArchive,
    load_archive,
)
from costmodel.units import LARGEST_ORDER, LINE_BYTES, PAGE_BYTES

Ints = NDArray[np.int64]

_RECORDED_AS: Final = {WRITABLE.name: "rw", READ_ONLY.name: "ro", DONTNEED.name: MUNMAP.name}
"""States that have another name in recordings. MADV_DONTNEED over a range empties a table as
munmap() does, so both are one recording."""
_ALLOCATING: Final = "v6.12.117"
"""Variant whose recording provides the allocation, clearing and locking of tables, which cannot be
emulated from a build tree."""
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
    if strategy.code is None and not _steps_execute(path, space, aligned=aligned):
        return recorded_runs(path, space, aligned=aligned)
    info = load_archive(path).info
    _refuse_other_states(load_archive(path), space)
    if not info.slots:
        return list(operation_named(strategy.operation).trace(strategy, program, isa, space))
    if space.ptes % TABLE_PTES:
        reason = "holds releases of whole tables: memory must be a multiple of 2 MiB"
        raise ConfigError.of(f"@{info.name}", reason, got=size_text(space.ptes * PAGE_BYTES))
    unmaps, lists = unmaps_alone(strategy, program, isa, space)
    return [*unmaps, *_releases(path, space, unmaps, lists, aligned=aligned)]


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
    """Return what the build in an archive executes on an address space of whole, equal tables.

    Raises ConfigError for a folio layout or a state that the archive does not hold.
    """
    archive = load_archive(path)
    keys = [(_key(archive, shape, aligned), shape) for shape in space.shapes]
    runs = [TableRun(_open(path, key, shape), shape.count, shape.ptes) for key, shape in keys]
    slots = archive.info.slots
    if not slots:
        return runs
    released = (f"{key.removesuffix(TABLE)}{RELEASE}" for key, _ in keys)
    taken = sum(shape.count * slots[key] for key, shape in zip(released, space.shapes, strict=True))
    return [*runs, *_releases(path, space, runs, Lists.of(taken), aligned=aligned)]


def _releases(
    path: Path, space: ShapedSpace, unmaps: Sequence[TableRun], lists: Lists, *, aligned: bool
) -> Iterator[TableRun]:
    """Return the release of what unmaps gathered, as an archive holds it.

    Recorded are tables of folios of one order. Of folios that lie apart none is merged with the
    next one: tables where some do are priced as so many whose folios all lie apart, and the others
    with none. A mix is priced as its pages' shares of tables of each order.
    """
    archive = load_archive(path)
    held = archive.program.recordings
    tables: dict[tuple[str, TableShape], float] = {}
    for shape in space.shapes:
        share = share_apart(shape)
        for alike, number in _of_one_order(archive, shape):
            name = f"{_state(shape)}/order{alike.orders[0]}"
            apart, as_entries = f"{name}{SCATTERED}{RELEASE}", f"{name}{ALIGNED}{RELEASE}"
            together = as_entries if aligned and as_entries in held else f"{name}{RELEASE}"
            scattered = share if apart in held else 0.0
            for window, part in ((apart, scattered), (together, 1 - scattered)):
                tables[window, alike] = tables.get((window, alike), 0.0) + number * part
    tables = {key: number for key, number in tables.items() if number}
    whole = zip(tables, _rounded(list(tables.values())), strict=True)
    runs = [TableRun(_open(path, name, alike), count, 0) for (name, alike), count in whole if count]
    return with_reuse(unmaps, runs, lists)


def _of_one_order(archive: BuildArchive, shape: TableShape) -> Iterator[tuple[TableShape, float]]:
    """Yield full tables of recorded orders that have a table's folios together, and how many.

    Folios of an order between two recorded ones are as many tables of both as have together as many
    folios and pages.
    """
    released, state = archive.program.recordings, _state(shape)
    held = [n for n in range(LARGEST_ORDER + 1) if f"{state}/order{n}{RELEASE}" in released]
    for order, folios in sorted(Counter(shape.orders).items()):
        tables = shape.count * (folios << order) / TABLE_PTES
        low = max(known for known in held if known <= order)
        high = min(known for known in held if known >= order)
        share = 1.0 if low == high else (2.0**-order - 2.0**-high) / (2.0**-low - 2.0**-high)
        yield _filled(shape, low), tables * share
        if high != low:
            yield _filled(shape, high), tables * (1 - share)


def _filled(shape: TableShape, order: int) -> TableShape:
    """Return a table full of folios of one order that lie about where those of another do."""
    full = (order,) * (TABLE_PTES >> order)
    if shape.orders == full:
        return replace(shape, count=1)
    pages = [
        first + page
        for first, folio in zip(shape.first_pfns, shape.orders, strict=True)
        for page in range(1 << folio)
    ]
    places = [index * len(pages) // len(full) for index in range(len(full))]
    frames = tuple(pages[place] >> order << order for place in places)
    return replace(shape, count=1, orders=full, first_pfns=frames)


def _rounded(numbers: Sequence[float]) -> list[int]:
    """Return whole numbers near these with the same rounded sum, at least 1."""
    sums = np.round(np.cumsum(numbers))
    sums[-1] = max(sums[-1], 1)
    return [int(number) for number in np.diff(sums, prepend=0)]


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
    state = _state(shape)
    if f"{state}/{layout}" not in recordings:
        states = {window.state for window in recordings.values()}
        words = operation_named(archive.info.operation).words.states
        held = [s.name for s in words if _RECORDED_AS.get(s.name, s.name) in states]
        reason = f"holds tables in the states {', '.join(held)}"
        raise ConfigError.of(f"@{archive.info.name}", reason, got=shape.state.name)
    return f"{state}/{layout}"


def _state(shape: TableShape) -> str:
    return _RECORDED_AS.get(shape.state.name, shape.state.name)


def _layout(archive: BuildArchive, shape: TableShape, aligned: bool) -> str:
    """Return the recorded layout of a table's shape; raise ConfigError if none was recorded."""
    name, held = archive.info.name, archive.layouts()
    if len(set(shape.orders)) > 1:
        reason = "holds whole tables of one folio order, no mix of them"
        raise ConfigError.of(f"@{name}", reason)
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
    segment = operation_named(archive.info.operation).words.loop
    if archive.info.operation == OPERATION.name:
        return _joined(_allocation(archive.program, shape), rows, segment)
    segment = "release" if key.endswith(RELEASE) else segment
    return Trace(
        **rows,
        step_start=np.zeros(1, np.int32),
        step_id=np.zeros(1, np.int32),
        step_names=(),
        segments=((segment, 0, len(rows["kind"])),),
    )


def _allocation(program: RecordedProgram, shape: TableShape) -> Trace:
    """Return the trace that allocates, clears and locks the child's table before its entries."""
    build_name = program.name.rpartition(".")[2]
    name = f"{_ALLOCATING}.{build_name}"
    first = shape.first_pfns[0]
    steps = [Step("alloc", -1, first - 1, first), Step("read", 0, first, first)]
    record = recorder_of("fork", name).record(steps, Step("set", -1, -1, -1))
    return build(record, load_library("fork", name), "fork")


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
