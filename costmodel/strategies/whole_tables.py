"""Traces of recorded builds that are priced as they were recorded: whole tables."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from costmodel.code.build import build
from costmodel.code.events import Step
from costmodel.code.expand import REGION_SHIFT, SLOT_ORIGIN, memory_producers
from costmodel.code.library import load_library
from costmodel.code.record import recorder_of
from costmodel.code.subkinds import flavour_of, kind_of
from costmodel.code.trace import NO_ADDRESS, TableRun, Trace
from costmodel.code.uops import Kind, Target
from costmodel.config.errors import ConfigError
from costmodel.emulation.archive import BuildArchive, load_archive
from costmodel.mm.pte import TABLE_PTES
from costmodel.mm.shapes import ShapedSpace, TableShape
from costmodel.recorder.archive import RecordedProgram, Recording

Ints = NDArray[np.int64]

_ALLOCATING: Final = "v6.12.117"
"""Variant whose recording allocates, clears and locks the tables: no build tree can."""
_OTHER_LINES: Final = 1 << 12
"""Lines of the recorded build begin here: those of the allocation are others."""
_PTE_BYTES: Final = 8
_LINE_BYTES: Final = 64


def recorded_runs(path: Path, space: ShapedSpace, *, aligned: bool) -> list[TableRun]:
    """Return what the build in an archive executes on an address space of whole, equal tables.

    ``aligned``: order-0 frames are aligned with their addresses, as contiguous ones are. Raises
    ConfigError for a layout that the archive does not hold.
    """
    archive = load_archive(path)
    return [
        TableRun(_trace(path, path.stat().st_mtime_ns, _layout(archive, shape, aligned), shape),
                 shape.count, shape.ptes)
        for shape in space.shapes
    ]  # fmt: skip


def has_steps(path: Path) -> bool:
    """Tell whether an archive can price what it holds no tables of."""
    return load_archive(path).info.has_steps


def is_recorded(path: Path, space: ShapedSpace, *, aligned: bool) -> bool:
    """Tell whether an archive holds every table of an address space."""
    archive = load_archive(path)
    try:
        return all(bool(_layout(archive, shape, aligned)) for shape in space.shapes)
    except ConfigError:
        return False


def _layout(archive: BuildArchive, shape: TableShape, aligned: bool) -> str:
    """Return the name of the recorded table that a shape is."""
    name, held = archive.info.name, archive.layouts()
    if len(set(shape.orders)) > 1:
        reason = "holds whole tables of one folio order, no mix of them"
        raise ConfigError.of(f"@{name}", reason)
    if shape.ptes != TABLE_PTES:
        raise ConfigError.of(f"@{name}", "holds whole tables: memory must be a multiple of 2 MiB")
    order = shape.orders[0]
    for layout in (f"order{order}_aligned",) * aligned + (f"order{order}_table", f"order{order}"):
        if layout in held:
            return layout
    orders = sorted({layout.removeprefix("order")[0] for layout in held})
    reason = f"holds tables of the orders {', '.join(orders)}"
    raise ConfigError.of(f"@{name}", reason, got=f"order {order}")


@lru_cache(maxsize=64)
def _trace(path: Path, _mtime_ns: int, layout: str, shape: TableShape) -> Trace:
    archive = load_archive(path)
    state = "rw" if shape.state.alone else "ro"
    window = archive.program.recordings[f"{state}/{layout}"]
    frames = _frames(shape)
    before = _allocation(archive.program, frames)
    return _joined(before, _columns(archive.program, window, frames))


def _frames(shape: TableShape) -> Ints:
    """Return the frame that each entry of a table maps, int64[512]."""
    places = [
        np.arange(first, first + (1 << order))
        for order, first in zip(shape.orders, shape.first_pfns, strict=True)
    ]
    return np.concatenate(places)


def _allocation(program: RecordedProgram, frames: Ints) -> Trace:
    """Return how the child's table is allocated, cleared and locked, up to the first entry."""
    build_name = program.name.rpartition(".")[2]
    name = f"{_ALLOCATING}.{build_name}"
    first = int(frames[0])
    steps = [Step("alloc", -1, first - 1, first), Step("read", 0, first, first)]
    record = recorder_of("fork", name).record(steps, Step("set", -1, -1, -1))
    return build(record, load_library("fork", name), "fork")


def _columns(program: RecordedProgram, window: Recording, frames: Ints) -> dict[str, NDArray[Any]]:
    """Return a window's rows in a core's terms."""
    uop = window.uop
    kinds = np.array([kind_of(kind) for kind in program.kind], np.uint8)
    pairs = zip(program.kind.tolist(), program.op.tolist(), strict=True)
    flavours = np.array([flavour_of(kind, op) for kind, op in pairs], np.uint8)
    targets = np.array([Target[t.upper()] if t else 0 for t in program.target], np.uint8)
    rows = np.arange(len(uop))[:, None]
    inputs = np.where(window.distance > 0, rows - window.distance, -1).astype(np.int32)
    kind = kinds[uop]
    return {
        "kind": kind,
        "flavour": flavours[uop],
        "inputs": inputs,
        "address": _addresses(targets[uop].astype(np.int64), window, frames),
        "size_bytes": program.size_bytes[uop].astype(np.int16),
        "target": targets[uop],
        "taken": np.where(kind == Kind.BRANCH, window.taken, -1).astype(np.int8),
        "site": program.site[uop].astype(np.int32),
    }


def _addresses(target: Ints, window: Recording, frames: Ints) -> Ints:
    """Return byte addresses; struct pages lie where the workload's frames do."""
    index, offset = window.index, window.offset
    entry = np.isin(target, (Target.SRC, Target.DST))
    page = target == Target.PAGE
    inside = np.clip(index, 0, len(frames) - 1)
    frame = frames[inside] + index - inside
    place = np.where(page, frame * _LINE_BYTES, (index + _OTHER_LINES) * _LINE_BYTES) + offset
    place = np.where(entry, SLOT_ORIGIN + index * _PTE_BYTES + offset, place)
    return np.where(target > 0, (target << REGION_SHIFT) + place, NO_ADDRESS)


def _joined(before: Trace, rows: dict[str, NDArray[Any]]) -> Trace:
    """Return a trace that goes on with recorded rows, all but the last of what stands before."""
    first = len(before) - 1
    columns = {
        name: np.concatenate([getattr(before, name)[:first], values])
        for name, values in rows.items()
        if name != "inputs"
    }
    columns["site"][first:] += 1 << 16
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
        segments=(("copy", 0, len(columns["kind"])),),
    )
