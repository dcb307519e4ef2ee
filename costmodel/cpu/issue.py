"""Computes when a micro-op can start: once its inputs are done and a port is free."""

from __future__ import annotations

from costmodel.cpu import columns as c
from costmodel.cpu.parameters import TICKS_PER_CYCLE, Parameters
from costmodel.cpu.reuse import Ints
from costmodel.cpu.stack import Cause
from costmodel.cpu.window import (
    ADDRESS,
    ALU,
    GROUP_BITS,
    LOADING,
    LOCKING,
    NO_SHARE,
    PORT_RING,
    RING,
    Now,
    Window,
)
from costmodel.jit import inlined

_PORT = int(Cause.PORT)


@inlined
def wait(ticks: int, cause: int, now: Now) -> None:
    """Note a delay of the row's start; the cause of the longest delay so far is kept."""
    if ticks > now.waited:
        now.wait_cause = cause
    now.waited += ticks


@inlined
def ready_at(row: c.Row, w: Window) -> int:
    """Return the first tick at which the row is dispatched and its inputs are done."""
    ready: int = w.now[0].cycle
    for column in range(c.INPUT, c.INPUT + c.INPUTS):
        back = row[column]
        if back:
            ready = max(ready, w.rows[(w.now[0].row - back) & (RING - 1)].done)
    return ready


@inlined
def has_room(ports: Ints, group: int, time: int, limit: int) -> bool:
    """Tell whether fewer than ``limit`` rows start at a group's ports in the cycle of ``time``."""
    cycle = time // TICKS_PER_CYCLE
    packed = ports[group, cycle & (PORT_RING - 1)]
    room: bool = packed >> 6 != cycle or (packed & 63) < limit
    return room


@inlined
def take(ports: Ints, group: int, time: int) -> None:
    """Count one more start at a group's ports in the cycle of ``time``."""
    cycle = time // TICKS_PER_CYCLE
    at = cycle & (PORT_RING - 1)
    packed = ports[group, at]
    ports[group, at] = packed + 1 if packed >> 6 == cycle else (cycle << 6) | 1


@inlined
def start(ready: int, group: int, limit: int, shared: int, units: int, w: Window) -> None:
    """Start the row at ``ready``, or as many whole cycles later as it takes to find a free port.

    At most ``limit`` rows of the group start per cycle, and at most ``units`` of all groups that
    use the group ``shared``. Starts are counted per cycle: a row that starts late leaves earlier
    cycles to younger rows.
    """
    time = ready
    if _is_counted(time, w):
        while not (
            has_room(w.ports, group, time, limit)
            and (shared == NO_SHARE or has_room(w.ports, shared, time, units))
        ):
            time += TICKS_PER_CYCLE
        take(w.ports, group, time)
        if shared != NO_SHARE:
            take(w.ports, shared, time)
    _begin(ready, time, group, w)


@inlined
def start_lock(ready: int, p: Parameters, w: Window) -> None:
    """Start a locked operation so many whole cycles late that all its ports are free."""
    time = ready
    if _is_counted(time, w):
        while not (
            has_room(w.ports, LOADING, time, p.load_ports)
            and has_room(w.ports, ADDRESS, time, p.address_units)
            and has_room(w.ports, ALU, time, p.alu_ports - p.locked_alus + 1)
        ):
            time += TICKS_PER_CYCLE
        take_lock(w.ports, time, p)
    _begin(ready, time, LOCKING, w)


@inlined
def take_lock(ports: Ints, time: int, p: Parameters) -> None:
    """Count a start of a locked operation at all its ports in the cycle of ``time``."""
    take(ports, LOADING, time)
    take(ports, ADDRESS, time)
    for _ in range(p.locked_alus):
        take(ports, ALU, time)


@inlined
def _is_counted(time: int, w: Window) -> bool:
    """Tell whether starts in the cycle of ``time`` are counted: later ones meet nobody."""
    return time // TICKS_PER_CYCLE - w.now[0].cycle // TICKS_PER_CYCLE < PORT_RING


@inlined
def _begin(ready: int, time: int, group: int, w: Window) -> None:
    now = w.now[0]
    now.start = time
    wait(time - ready, _PORT, now)
    now.latest = max(now.latest, time)
    w.rows[now.row & (RING - 1)].issued = (time << GROUP_BITS) | group


@inlined
def redirect(time: int, cause: int, now: Now) -> None:
    """Let nothing younger dispatch before ``time``."""
    now.redirect = time
    now.redirect_cause = cause
