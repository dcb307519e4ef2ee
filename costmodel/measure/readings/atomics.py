"""Atomics and barriers."""

from __future__ import annotations

from collections.abc import Iterator

from costmodel.measure.readings.number import Number, Taken

_CHAINED_LOADS = 4
_SERIAL = 0.85
"""Of the sum of two times: above it they follow each other, else they overlap."""

_ADDS = (40, 80)
"""So many additions take longer to retire than to run beneath a locked operation."""


def numbers(taken: Taken, isa: str) -> Iterator[Number]:
    """Yield the numbers of ``atomics`` and ``barriers``."""
    yield from _x86(taken) if isa == "x86_64" else _arm(taken)


def _x86(taken: Taken) -> Iterator[Number]:
    names = ("lock", "lock, lines", "exchange add", "compare and swap")
    found = [taken.cycles(name) for name in names if taken.has(name)]
    if found:
        first = found[0]
        low, high = min(each.low for each in found), max(each.high for each in found)
        how = "lock add in a row; interval: other lines, xadd, cmpxchg"
        yield Number("atomics.locked_cycles", first.value, low, high, how)
    if taken.has("lock", "lock + load chain of 4"):
        alone = taken.cycles("lock").value
        chain = _CHAINED_LOADS * taken.cycles(f"chase {taken.plan.l1_bytes // 2}").value
        beside = taken.cycles("lock + load chain of 4").value
        times = f"{beside:.1f} cycles, alone {alone:.1f}"
        how = f"lock add beside a chain of {_CHAINED_LOADS} loads: {times}"
        waits = beside > _SERIAL * (alone + chain)
        yield Number.choice("atomics.locked_alone", waits, how)
        if not waits:
            yield from _as_the_oldest(taken)


def _as_the_oldest(taken: Taken) -> Iterator[Number]:
    """Yield whether a locked operation that lets younger work pass starts as the oldest.

    Then what is younger retires behind it, so that its time and that of the retirement of n
    additions add up, though the additions are done before. Otherwise whichever takes longer counts.
    """
    few, many = _ADDS
    names = [f"lock + {n} adds" for n in _ADDS]
    if not taken.has("lock", "adds", *names):
        return
    fewer, more = (taken.cycles(name) for name in names)
    each = more.scaled(1 / (many - few), fewer.value / (many - few))
    behind = many * each.value
    slower = max(taken.cycles("lock").value, many * taken.cycles("adds").value)
    oldest = more.value - slower > behind / 2
    how = f"lock add with {few} and {many} additions: {fewer.value:.1f} and {more.value:.1f} cycles"
    yield Number.choice("atomics.locked_oldest", oldest, how)
    if oldest:
        alone = more.scaled(1, behind)
        yield Number.of("atomics.locked_retires_cycles", alone, f"{how}; without the additions")
        if each.low > 0:  # else what disturbs is as large as the difference
            how = f"{many} additions that retire behind a lock add, less {few}"
            yield Number.rate("core.retire_width", each, how)


def _arm(taken: Taken) -> Iterator[Number]:
    for key, name, how in (
        ("atomics.value_cycles", "exchange add", "a chain of ldadd"),
        ("atomics.cas_cycles", "compare and swap", "a chain of cas"),
        ("atomics.store_only_cycles", "lock", "stadd to one line"),
        ("atomics.line_change_cycles", "lock, lines", "stadd to one line after the other"),
        ("atomics.acquire_cycles", "exchange add, acquire", "a chain of ldadda"),
        ("barriers.dsb_cycles", "completion barrier", "dsb ish with nothing pending"),
        ("barriers.dmb_cycles", "full barrier", "dmb ish with nothing pending"),
        ("barriers.isb_cycles", "instruction barrier", "isb in a row"),
    ):
        if taken.has(name):
            yield Number.of(key, taken.cycles(name), how)
