"""Numbers of a machine file that need no kernel: clock, ticks, what the system says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median, quantiles

from costmodel.measure.readings.number import Number
from costmodel.measure.session import Session
from costmodel.measure.system import System

_PHASES = 400
"""Parts of the period of ticks: two neighbours hold all ticks, and few other gaps."""
_LONGEST_NS = 100_000
"""What takes longer was another process, not a timer tick."""
_SEEN = 0.3
"""Least share of the ticks of the time on the CPU that must be seen."""


def numbers(session: Session, system: System) -> Iterator[Number]:
    """Yield every number that a session gives beside those of its experiments."""
    if len(session.clock_ghz) > 20:
        cuts = quantiles(session.clock_ghz, n=20)
        how = "chains of additions beside every sample; interval: 90 %"
        yield Number("core.clock_ghz", median(session.clock_ghz), cuts[0], cuts[-1], how)
    if system.line_bytes:
        yield _said("caches.line_bytes", system.line_bytes, "/sys/devices/system/cpu")
    yield _said("tlbi.cpus_online", system.cpus, "CPUs online")
    if system.tick_hz:
        yield _said("kernel.tick_hz", system.tick_hz, "CONFIG_HZ")
    if system.direct_map_bytes and system.direct_map_share:
        share = f"{100 * system.direct_map_share:.0f} % of the memory in /proc/meminfo"
        yield _said("kernel.linear_map_bytes", system.direct_map_bytes, share)
    if session.steal_pct is not None and session.steal_pct == 0:
        yield _said("noise.vm_steal.rate_hz", 0, "/proc/stat saw none")
    yield from _ticks(session, system)


def _ticks(session: Session, system: System) -> Iterator[Number]:
    """Yield what a timer tick takes: gaps that come as often as ticks do.

    A tick after which another process ran is long and does not count; where most are, the machine
    was too busy to tell.
    """
    if not system.tick_hz:
        return
    period_ns = 1e9 / system.tick_hz
    micros = [
        length / 1000
        for gaps in session.gaps
        for length in _in_phase(gaps, period_ns)
        if length < _LONGEST_NS
    ]
    away_ns = sum(length for gaps in session.gaps for _, length in gaps if length >= _LONGEST_NS)
    expected = max(0.0, session.gaps_ns - away_ns) / period_ns
    if len(micros) < max(10, _SEEN * expected):
        return
    cuts = quantiles(micros, n=20)
    # A tick after which another process runs for a moment takes longer than a tick.
    first, quarter, middle = cuts[1], cuts[4], cuts[9]
    how = f"gaps in spins of {session.gaps_ns / 1e9:g} s, {system.tick_hz:g} a second"
    yield Number("kernel.tick_us", quarter, first, middle, how)
    yield Number("noise.tick_jitter_us", middle - quarter, 0, cuts[-1] - quarter, how)


def _in_phase(gaps: Sequence[tuple[float, float]], period_ns: float) -> list[float]:
    """Return the lengths of the gaps that begin at the same time of every period, or nearly."""
    phases = Counter(int(begin % period_ns / period_ns * _PHASES) for begin, _ in gaps)
    if not phases:
        return []
    phase = max(phases, key=lambda each: phases[each] + phases[(each + 1) % _PHASES])
    chosen = (phase, (phase + 1) % _PHASES)
    return [
        length for begin, length in gaps if int(begin % period_ns / period_ns * _PHASES) in chosen
    ]


def _said(key: str, value: float, how: str) -> Number:
    return Number(key, value, value, value, how)
