"""What several CPUs share, and what sharing costs, as text of at most 76 columns."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from costmodel.config.sharing import SHARED
from costmodel.results.text.layout import MODEL, RULE, Line, Pair, shorten
from costmodel.results.text.numbers import fixed, interval_text, percent

if TYPE_CHECKING:
    from costmodel.results.crowd_records import CrowdRecord
    from costmodel.results.records import ResultCell

NOT_MODELLED = (
    "the scheduler, page faults that meet a writer, memory on the other socket, the anon_vma root "
    "lock, pid and tasklist locks"
)
"""What CPUs share in reality, but not in the model."""
MODEL_CHANGE = "  change, 90%"
_NAME = 34
_COLUMN = 10


def crowd_remarks(crowds: Sequence[CrowdRecord]) -> list[str]:
    """Return sentences about the CPUs in the results of one machine: what they do at the same time,
    and what they share.

    Results of a single CPU have no record, and no sentence.
    """
    if not crowds:
        return []
    names = {name for crowd in crowds for name in crowd.shared}
    largest = max(crowds, key=lambda crowd: crowd.processes * crowd.threads)
    return [_shared_sentence(largest, names)]


def throughput_lines(
    label: str, cells: Sequence[ResultCell], columns: Sequence[str], *, first: bool
) -> Iterator[Line]:
    """Yield lines with the operations per second of all CPUs together, by one strategy.

    Results of a single CPU have no such line. ``first``: whether the lines begin a part of the
    table; then they say what the part shows.
    """
    if not any(cell.crowd for cell in cells):
        return
    if first:
        yield from (RULE, Line("all CPUs together", (("per s", "change"),) * len(columns)), RULE)
    by_column = {cell.column: cell for cell in cells}
    shown = [by_column.get(column) for column in columns]
    yield Line(label, tuple(("", "") if cell is None else _rate(cell) for cell in shown))
    for part, show in ((MODEL, _model_rate), (MODEL_CHANGE, _model_change)):
        spans = tuple("" if cell is None else show(cell) for cell in shown)
        if any(spans):
            yield Line(part, spans)
    yield Line("  times one alone", tuple(_speedup(cell) for cell in shown))
    tables = dict.fromkeys(p.table for cell in cells for p in cell.published if p.metric in _OF_ALL)
    for table in tables:
        pairs = tuple(("", "") if cell is None else _published(cell, table) for cell in shown)
        yield Line(f"  published {table}", pairs)


def _model_rate(cell: ResultCell) -> Pair:
    ends = cell.model_interval_throughput_per_s90
    return "" if ends is None else " .. ".join(map(rate, ends))


def _model_change(cell: ResultCell) -> Pair:
    ends = cell.model_interval_throughput_pct90
    return "" if ends is None or cell.is_baseline else interval_text(*ends)


_OF_ALL = ("per_s", "throughput_pct")
"""Names of the metrics of all CPUs together."""


def _rate(cell: ResultCell) -> Pair:
    return rate(cell.operations_per_s), percent(cell.throughput_change_pct)


def _speedup(cell: ResultCell | None) -> Pair:
    return "" if cell is None or cell.crowd is None else fixed(cell.crowd.speedup, room=6)


def _published(cell: ResultCell, table: str) -> Pair:
    points = {p.metric: p.mean for p in cell.published if p.table == table}
    per_s, change = points.get("per_s"), points.get("throughput_pct")
    return "" if per_s is None else rate(per_s), "" if change is None else percent(change)


def _shared_sentence(crowd: CrowdRecord, names: Collection[str]) -> str:
    """Return a sentence: what the CPUs do at the same time, what they share, and what the model
    lacks.
    """
    shared = ", ".join(name for name in SHARED if name in names) or "nothing that it visits"
    own = f" Each has for itself here: {', '.join(crowd.unshared)}." if crowd.unshared else ""
    return f"{_who(crowd)} share {shared}.{own} Not modelled: {NOT_MODELLED}."


def _who(crowd: CrowdRecord) -> str:
    processes = f"{crowd.processes} process{'es' * (crowd.processes > 1)}"
    if crowd.threads == 1:
        return f"{processes}, each on a CPU of its own,"
    doing = {
        "same": "all doing the same",
        "busy": "the others in user code",
        "idle": "the others asleep",
    }[crowd.others]
    return f"{processes} of {crowd.threads} threads, {doing},"


def rate(per_s: float) -> str:
    """Return operations per second with three digits or more.

    >>> rate(612288.4), rate(69.97), rate(6.0449)
    ('612288', '70.0', '6.04')
    """
    return f"{per_s:.0f}" if per_s >= 100 else f"{per_s:#.3g}".removesuffix(".")


def shared_table(base: CrowdRecord, new: CrowdRecord) -> str:
    """Return a table of waiting time, queue length and utilisation of every shared resource, for
    two strategies.
    """
    lines = [
        "What the CPUs share, without noise (base, new):",
        f"{'':{_NAME - 8}}{'waiting, us/op':>18}{'queue, CPUs':>16}{'in use, %':>16}",
        f"{'':{_NAME - 8}}" + "".join(f"{name:>{room}}" for name, room in _HEADS),
    ]
    lines += [_line(name, base, new) for name in _used(base, new)]
    lines.append(
        f"{'operations per second, all CPUs':<{_NAME}}"
        f"{rate(base.throughput_per_s):>{_COLUMN}}{rate(new.throughput_per_s):>{_COLUMN}}"
    )
    lines.append(
        f"{'times one CPU alone':<{_NAME}}"
        f"{fixed(base.speedup, room=6):>{_COLUMN}}{fixed(new.speedup, room=6):>{_COLUMN}}"
    )
    return "\n".join(lines)


_HEADS = (("base", 9), ("new", 9), ("base", 8), ("new", 8), ("base", 8), ("new", 8))


def _used(base: CrowdRecord, new: CrowdRecord) -> Iterator[str]:
    yield from (name for name in SHARED if name in base.shared or name in new.shared)


def _line(name: str, base: CrowdRecord, new: CrowdRecord) -> str:
    columns = ""
    for scale, attribute, room in (
        (1e-3, "waiting_ns", 9),
        (1, "queue", 8),
        (100, "utilisation", 8),
    ):
        for side in (base, new):
            use = side.shared.get(name)
            value = "" if use is None else fixed(scale * getattr(use, attribute), room=room - 1)
            columns += f"{value:>{room}}"
    return f"{shorten(name, _NAME - 9):<{_NAME - 8}}{columns}"
