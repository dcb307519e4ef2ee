"""Prints values with three digits and a unit that fits their size."""

from __future__ import annotations

from typing import Final

from costmodel.units import MIB

_ENDS: Final = {
    "_ns": "ns",
    "_us": "us",
    "_cycles": "cycles",
    "_ghz": "GHz",
    "_pct": "%",
    "_hz": "Hz",
    "_bytes_per_ns": "bytes per ns",
    "_ns_per_line": "ns per line",
}
"""Endings of the keys of numbers, and the unit that each means."""
_TIMES: Final = (("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9))
_PLAIN: Final = (1e-4, 1e6)


def three_digits(value: float) -> str:
    """Return a number with three digits; only very small and large ones have an exponent.

    >>> [three_digits(x) for x in (0.0087891, 25.371, 25371.0, 0.0, 2.5e9)]
    ['0.00879', '25.4', '25400', '0', '2.5e+09']
    """
    low, high = _PLAIN
    if not value or not low <= abs(value) < high:
        return f"{value:.3g}"
    plain = f"{float(f'{value:.3g}'):.10f}"
    return plain.rstrip("0").rstrip(".")


def ends_text(low: float, high: float, key: str) -> tuple[str, str]:
    """Return both ends of a range without their unit; large numbers of bytes are in MiB.

    >>> ends_text(24.0, 40.0, "caches.llc.latency_ns"), ends_text(2**24, 2**25, "llc.size_bytes")
    (('24', '40'), ('16', '32 MiB'))
    """
    if key.endswith("_bytes") and low >= MIB:
        return three_digits(low / MIB), f"{three_digits(high / MIB)} MiB"
    return three_digits(low), three_digits(high)


def quantity(value: float, key: str) -> str:
    """Return a value in the unit that a key ends with; long times in a larger one.

    >>> quantity(25371.0, "tlbi.broadcast_ns"), quantity(4.0, "core.width")
    ('25.4 us', '4')
    >>> quantity(2.4, "clock_ghz"), quantity(12.0, "noise.within_pct")
    ('2.4 GHz', '12%')
    >>> quantity(1.0, "core.mul_latency_cycles")
    '1 cycle'
    """
    unit = max((unit for end, unit in _ENDS.items() if key.endswith(end)), key=len, default="")
    scale = dict(_TIMES).get(unit)
    if scale is not None:
        # Rounded first, so that 999.9 ns are 1 us.
        ns = float(f"{value * scale:.3g}")
        unit, scale = max(
            (time for time in _TIMES if time[1] <= abs(ns)), key=lambda t: t[1], default=_TIMES[0]
        )
        return f"{three_digits(ns / scale)} {unit}"
    digits = three_digits(value)
    unit = "cycle" if unit == "cycles" and digits == "1" else unit
    return f"{digits}{'' if unit in ('', '%') else ' '}{unit}"
