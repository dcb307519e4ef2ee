"""When a micro-op starts: inputs, ports, and what else holds it back."""

from __future__ import annotations

from costmodel.cpu import columns as c
from costmodel.cpu.parameters import TICKS_PER_CYCLE
from costmodel.cpu.reuse import Ints
from costmodel.cpu.stack import Cause
from costmodel.cpu.window import (
    CYCLE,
    DONE,
    ISSUED,
    LATEST,
    PORT_RING,
    REDIRECT,
    REDIRECT_CAUSE,
    RING,
    ROW,
    START,
    WAIT_CAUSE,
    WAITED,
    Window,
)
from costmodel.jit import inlined

_PORT = int(Cause.PORT)


@inlined
def up(time: int) -> int:
    """Round up to a cycle."""
    return (time + (TICKS_PER_CYCLE - 1)) & -TICKS_PER_CYCLE


@inlined
def wait(ticks: int, cause: int, now: Ints) -> None:
    """Note that the row could have started earlier; what held it back more than all before wins."""
    if ticks > now[WAITED]:
        now[WAIT_CAUSE] = cause
    now[WAITED] += ticks


@inlined
def ready_at(row: c.Row, w: Window) -> int:
    """Return when the row is dispatched and its inputs are done."""
    ready: int = w.now[CYCLE]
    for column in range(c.INPUT, c.INPUT + c.INPUTS):
        back = row[column]
        if back:
            ready = max(ready, w.rows[DONE, (w.now[ROW] - back) & (RING - 1)])
    return ready


@inlined
def start(ready: int, group: int, limit: int, w: Window) -> None:
    """Start in the first cycle from ``ready`` on in which a port of the group is free.

    Counting starts per cycle, not the next free time of a port: one that starts late leaves earlier
    cycles to younger rows.
    """
    now = w.now
    first = up(ready) // TICKS_PER_CYCLE
    cycle = first
    if cycle - now[CYCLE] // TICKS_PER_CYCLE < PORT_RING:
        while True:
            at = cycle & (PORT_RING - 1)
            packed = w.ports[group, at]
            if packed >> 6 != cycle:
                w.ports[group, at] = (cycle << 6) | 1
                break
            if (packed & 63) < limit:
                w.ports[group, at] = packed + 1
                break
            cycle += 1
    now[START] = cycle * TICKS_PER_CYCLE
    wait((cycle - first) * TICKS_PER_CYCLE, _PORT, now)
    now[LATEST] = max(now[LATEST], now[START])
    w.rows[ISSUED, now[ROW] & (RING - 1)] = (now[START] << 2) | group


@inlined
def redirect(time: int, cause: int, now: Ints) -> None:
    """Let nothing younger dispatch before ``time``."""
    now[REDIRECT] = time
    now[REDIRECT_CAUSE] = cause
