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
def has_room(ports: Ints, group: int, cycle: int, limit: int) -> bool:
    """Tell whether fewer than ``limit`` rows start at a group's ports in a cycle."""
    packed = ports[group, cycle & (PORT_RING - 1)]
    room: bool = packed >> 6 != cycle or (packed & 63) < limit
    return room


@inlined
def take(ports: Ints, group: int, cycle: int) -> None:
    """Count one more start at a group's ports in a cycle."""
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
    first = ready // TICKS_PER_CYCLE
    cycle = first
    if cycle - w.now[0].cycle // TICKS_PER_CYCLE < PORT_RING:
        while not (
            has_room(w.ports, group, cycle, limit)
            and (shared == NO_SHARE or has_room(w.ports, shared, cycle, units))
        ):
            cycle += 1
        take(w.ports, group, cycle)
        if shared != NO_SHARE:
            take(w.ports, shared, cycle)
    _begin(ready, first, cycle, group, w)


@inlined
def start_lock(ready: int, p: Parameters, w: Window) -> None:
    """Start a locked operation so many whole cycles late that all its ports are free."""
    first = ready // TICKS_PER_CYCLE
    cycle = first
    if cycle - w.now[0].cycle // TICKS_PER_CYCLE < PORT_RING:
        while not (
            has_room(w.ports, LOADING, cycle, p.load_ports)
            and has_room(w.ports, ADDRESS, cycle, p.address_units)
            and has_room(w.ports, ALU, cycle, p.alu_ports - p.locked_alus + 1)
        ):
            cycle += 1
        take_lock(w.ports, cycle, p)
    _begin(ready, first, cycle, LOCKING, w)


@inlined
def take_lock(ports: Ints, cycle: int, p: Parameters) -> None:
    """Count a start of a locked operation at all its ports in a cycle."""
    take(ports, LOADING, cycle)
    take(ports, ADDRESS, cycle)
    for _ in range(p.locked_alus):
        take(ports, ALU, cycle)


@inlined
def _begin(ready: int, first: int, cycle: int, group: int, w: Window) -> None:
    now = w.now[0]
    now.start = ready + (cycle - first) * TICKS_PER_CYCLE
    wait(now.start - ready, _PORT, now)
    now.latest = max(now.latest, now.start)
    w.rows[now.row & (RING - 1)].issued = (now.start << GROUP_BITS) | group


@inlined
def redirect(time: int, cause: int, now: Now) -> None:
    """Let nothing younger dispatch before ``time``."""
    now.redirect = time
    now.redirect_cause = cause
