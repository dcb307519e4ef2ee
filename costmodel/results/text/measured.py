"""What ``costmodel measure`` prints: the numbers, and operations beside their predictions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from costmodel.config.parameter import SIZE_KEYS
from costmodel.config.sizes import size_text
from costmodel.results.text.layout import ascii_only, paragraph
from costmodel.units import PAGE_BYTES

if TYPE_CHECKING:
    from costmodel.measure.machine_text import Made
    from costmodel.measure.prediction import Compared
    from costmodel.measure.readings.number import Number
    from costmodel.measure.session import Session
    from costmodel.measure.system import System

NEAR = (0.6, 1.5)
"""A row counts as near if its predicted time over its least measured time lies between these."""


def numbers_text(
    system: System, session: Session, numbers: Iterable[Number], made: Made, nearest: str, why: str
) -> str:
    """Return the measured numbers, one per line, and what could not be measured."""
    lines = [ascii_only(f"{system.model_name}, {system.cpus} CPUs, kernel {system.kernel}"), ""]
    lines += [f"{'':36}{'measured':>12}{'low':>12}{'high':>12}"]
    for number in numbers:
        if number.key in made.measured:
            values = (_value(number.key, each) for each in (number.value, number.low, number.high))
            lines.append(f"{number.key:36}" + "".join(f"{value:>12}" for value in values).rstrip())
    lines += ["", *_shares(session), *_patterns(session)]
    kept = f"{len(made.measured)} numbers measured, {len(made.kept)} kept from {nearest} ({why}):"
    lines.append(paragraph(f"{kept} {', '.join(made.kept)}"))
    for key, reason in made.refused.items():
        lines.append(paragraph(f"not written: {key} {reason}", hanging="  "))
    return "\n".join([*lines, *_conditions(session, system)]) + "\n"


def operations_text(
    rows: Sequence[Compared], title: str, lacking: Iterable[str] = (), notes: Iterable[str] = ()
) -> str:
    """Return a table of operations beside their predictions, in nanoseconds per PTE.

    Its ratio is the predicted time over the least measured one.
    """
    head = f"{'':24}{'order':>5}{'least':>10}{'median':>10}{'predicted':>11}{'ratio':>8}"
    lines = [f"page-table operations, ns per PTE: {title}", "", head]
    previous = ""
    for row in sorted(rows, key=lambda row: (row.measured.operation, row.measured.order)):
        name = row.measured.operation
        lines.append(_operation(row, "" if name == previous else name))
        previous = name
    lines += ["", *_verdict(rows), *_layouts(rows)] if rows else ["no operation could be timed"]
    lines += [paragraph(text, hanging="  ") for text in (*_not_predicted(rows), *notes)]
    lines += [paragraph(f"lacking: {line}", hanging="  ") for line in lacking]
    return "\n".join(lines) + "\n"


def not_as_recorded(
    rows: Sequence[Compared], call_ns: float, functions: Sequence[str]
) -> Iterator[str]:
    """Yield the differences between the running kernel and the recorded ones that matter here.

    ``call_ns``: the time of a call and its return. ``functions``: helpers for page-table entries
    that are functions in the running kernel.
    """
    slow = [r for r in rows if r.ratio is not None and r.ratio < NEAR[0] and not _calls_too(r)]
    if not slow or not functions:
        return
    yield (
        f"not as recorded: {', '.join(functions)} are functions in the kernel that was measured, "
        f"and inline in the recorded one. Each call and its return take {call_ns:.1f} ns on this "
        "machine, several times per PTE. Record a build of the same configuration and name it: "
        "--strategy @NAME."
    )


def _calls_too(row: Compared) -> bool:
    """Tell whether a row was predicted with code that may call these helpers as well."""
    return bool(row.why_build) or (row.strategy is not None and row.strategy.startswith("@"))


def _not_predicted(rows: Sequence[Compared]) -> Iterator[str]:
    """Yield why rows have no prediction; rows with the same reason stand together."""
    orders: dict[tuple[str, str], set[int]] = {}
    for row in rows:
        if row.why_not:
            key = (row.strategy or "", row.why_not)
            orders.setdefault(key, set()).add(row.measured.order)
    for (strategy, reason), found in orders.items():
        yield f"not predicted: order {_ranges(sorted(found))}: {strategy} {reason}"


def _value(key: str, value: float) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if key.endswith(SIZE_KEYS):
        return size_text(round(value))
    return f"{value:.4g}" if abs(value) < 1e5 else f"{value:.0f}"


def _shares(session: Session) -> Iterator[str]:
    """Yield how times of single loads from rings larger than the L2 spread, and how many miss."""
    found = session.single_loads_ns
    if len(found) < 2:
        return
    sizes = sorted(found)
    fast, slow = (sorted(found[size])[len(found[size]) // 2] for size in (sizes[0], sizes[-1]))
    middle = (fast + slow) / 2
    yield "single loads beyond the L2, ns:"
    yield f"{'ring':>10}{'p10':>8}{'median':>8}{'p90':>8}{'from the last level':>22}"
    for size in sizes:
        times = sorted(found[size])
        cuts = (times[int(len(times) * share)] for share in (0.1, 0.5, 0.9))
        hits = sum(time < middle for time in times) / len(times)
        numbers = "".join(f"{cut:8.1f}" for cut in cuts)
        yield f"{size_text(size):>10}{numbers}{100 * hits:20.0f} %"
    yield ""


def _patterns(session: Session) -> Iterator[str]:
    """Yield the time per cache line by the pattern of accesses, if it was measured."""
    found = session.over_memory_ns()
    if not found:
        return
    yield "one access per line, ns:"
    yield f"{'':20}" + "".join(f"{size_text(size):>10}" for size in next(iter(found.values())))
    for kernel, times in found.items():
        yield f"{kernel:20}" + "".join(f"{time:10.2f}" for time in times.values())
    yield ""


def _conditions(session: Session, system: System) -> Iterator[str]:
    busy = session.signs_of_others(system.cpus)
    if busy:
        text = f"The machine was busy: {'; '.join(busy)}. Values are what quiet moments gave."
        yield paragraph(f"{text} Intervals reach to the median.")
    if session.unlike:
        text = f"CPUs are not alike: {'; '.join(session.unlike)}. Values are those of the fastest."
        yield paragraph(text)
    for line in session.lacking:
        yield paragraph(f"lacking: {line}", hanging="  ")


def _operation(row: Compared, name: str) -> str:
    measured = row.measured
    ptes = measured.memory_bytes / PAGE_BYTES
    times = f"{measured.least_ns / ptes:10.2f}{measured.median_ns / ptes:10.2f}"
    text = f"{name:24}{measured.order:5d}{times}"
    if row.predicted_ns is None or row.ratio is None:
        return f"{text}{'-':>11}{'-':>8}"
    mark = "" if NEAR[0] <= row.ratio <= NEAR[1] else " *"
    return f"{text}{row.predicted_ns / ptes:11.2f}{row.ratio:8.2f}{mark}"


def _verdict(rows: Sequence[Compared]) -> Iterator[str]:
    ratios = [row.ratio for row in rows if row.ratio is not None]
    if not ratios:
        yield "Nothing here is in the model."
        return
    near = sum(NEAR[0] <= ratio <= NEAR[1] for ratio in ratios)
    low, high = min(ratios), max(ratios)
    text = f"{near} of {len(ratios)} predictions within {NEAR[0]} to {NEAR[1]} of the least"
    yield paragraph(f"{text} (* is beyond); ratios {low:.2f} to {high:.2f}. {_trust(near, ratios)}")
    operations: dict[str, set[str]] = {}
    for row in rows:
        operations.setdefault(row.strategy or "", set()).add(row.measured.operation)
    for strategy in sorted(filter(None, operations)):
        named = ", ".join(sorted(operations[strategy]))
        yield paragraph(f"predicted as {strategy}: {named}", hanging="  ")
    reasons = {row.build: row.why_build for row in rows if row.why_build}
    for build, why in reasons.items():
        orders = sorted({row.measured.order for row in rows if row.build == build})
        said = f"build {build} (order {_ranges(orders)}), the recorded one most like this kernel"
        yield paragraph(f"{said}: {why}", hanging="  ")


def _trust(near: int, ratios: Sequence[float]) -> str:
    if near == len(ratios):
        return "Absolute times of this file can be used."
    if near >= 0.75 * len(ratios):
        return "Most absolute times of this file can be used."
    return "Do not trust absolute times of this file; compare changes only."


def _layouts(rows: Sequence[Compared]) -> Iterator[str]:
    """Yield how the frames lay; orders with the same layout share a sentence."""
    orders: dict[str, list[int]] = {}
    for row in sorted(rows, key=lambda row: row.measured.order):
        known = orders.setdefault(row.measured.layout, [])
        if row.measured.order not in known:
            known.append(row.measured.order)
    texts = [f"order {_ranges(found)}: {text}" for text, found in orders.items()]
    yield paragraph(f"frames: {'; '.join(texts)}", hanging="  ")


def _ranges(orders: Sequence[int]) -> str:
    """Return ``0, 2 to 9`` for ascending orders."""
    runs: list[list[int]] = []
    for order in orders:
        if runs and order == runs[-1][-1] + 1:
            runs[-1].append(order)
        else:
            runs.append([order])
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
