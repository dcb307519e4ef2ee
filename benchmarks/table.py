"""Measurements as text of at most 76 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.measurement import Measurement

WIDTH = 76
_NAME = 38


def show(measurement: Measurement) -> str:
    """Return one measurement as a line: name, value, target, whether it was met."""
    name = measurement.name[:_NAME].ljust(_NAME)
    line = f"{name} {quantity(measurement.value, measurement.unit):>14}"
    if measurement.target is not None:
        sign = ">=" if measurement.more else "<="
        target = f"{sign} {quantity(measurement.target, measurement.unit)}"
        line += f" {target:<12} {'ok' if measurement.met else 'MISSED'}"
    note = f"\n  ({measurement.note})" if measurement.note else ""
    return line.rstrip() + note


def quantity(value: float, unit: str) -> str:
    """Return a number with three digits and its unit; times as s, ms or us."""
    if unit == "s":
        scale, unit = next(
            (scale, name) for scale, name in ((1, "s"), (1e-3, "ms"), (1e-6, "us")) if
            value >= scale or name == "us"
        )  # fmt: skip
        value /= scale
    digits = max(0, 2 - len(str(int(abs(value)))) + 1) if value < 1000 else 0
    return f"{value:,.{digits}f} {unit}"


def compare(old: Mapping[str, Measurement], new: Sequence[Measurement]) -> list[str]:
    """Return lines with old and new values and how many times better the new ones are."""
    lines = [f"{'':{_NAME}} {'old':>10} {'new':>10}  {'better by':>10}"]
    for measurement in new:
        before = old.get(measurement.name)
        name = measurement.name[:_NAME].ljust(_NAME)
        after = quantity(measurement.value, measurement.unit)
        if before is None or not before.value or not measurement.value:
            lines.append(f"{name} {'-':>10} {after:>10}")
            continue
        ratio = before.value / measurement.value
        ratio = 1 / ratio if measurement.more else ratio
        shown = quantity(before.value, before.unit)
        lines.append(f"{name} {shown:>10} {after:>10}  {ratio:>9.2f}x")
    return lines
