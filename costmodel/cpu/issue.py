"""Computes when a micro-op can start: once its inputs are done and it has its ports.

In each tick the oldest micro-ops that wait have the ports. A micro-op needs all its ports for a
cycle (a multiplication: for `core.mul_cycles`), at once or in parts, and counts as started so long
before that is over. So nothing depends on where a cycle begins, and no part of a port is lost.
"""

from __future__ import annotations

from costmodel.arrays import Ints
from costmodel.cpu import columns as c
from costmodel.cpu.parameters import Parameters
from costmodel.cpu.stack import Cause
from costmodel.cpu.window import (
    ALU,
    BRANCH,
    GROUP_BITS,
    LOADING,
    LOCKING,
    MULTIPLY,
    PORT_WORDS,
    RING,
    STORING,
    WORD_TICKS,
    Now,
    Window,
)
from costmodel.jit import hot, inlined
from costmodel.units import TICKS_PER_CYCLE

_PORT = int(Cause.PORT)
_ALL = (1 << WORD_TICKS) - 1
"""All ticks of a stretch."""
_CYCLE = (1 << TICKS_PER_CYCLE) - 1
_AHEAD = PORT_WORDS * WORD_TICKS // 2
"""Rows that ask for their ports later than so many ticks after dispatch meet nobody there."""


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
def start(ready: int, group: int, p: Parameters, w: Window) -> None:
    """Start the row, which asks for its ports at ``ready``.

    It takes what older rows leave; no younger row can change that.
    """
    now = w.now[0]
    keeps = p.mul_keeps if group == MULTIPLY else TICKS_PER_CYCLE
    end = ready + keeps
    if ready - now.cycle < _AHEAD:
        word = ready // WORD_TICKS
        wanted = _CYCLE << (ready - word * WORD_TICKS)
        first, second = wanted & _ALL, wanted >> WORD_TICKS
        if not (
            keeps != TICKS_PER_CYCLE
            or _taken(group, word, p, w.ports) & first
            or (second and _taken(group, word + 1, p, w.ports) & second)
        ):
            _take(group, word, first, p, w.ports)
            if second:
                _take(group, word + 1, second, p, w.ports)
        else:
            end = _end(ready, keeps, group, p, w.ports)
            take_until(ready, end, group, p, w.ports)
        now.latest = max(now.latest, end)
        w.rows[now.row & (RING - 1)].asked = ready
        w.rows[now.row & (RING - 1)].issued = (end << GROUP_BITS) | group
    now.start = end - keeps
    wait(now.start - ready, _PORT, now)


@hot
def take_until(asked: int, end: int, group: int, p: Parameters, ports: Ints) -> None:
    """Take the ports of a row in every tick from ``asked`` to ``end`` in which all are free."""
    for word in range(asked // WORD_TICKS, (end - 1) // WORD_TICKS + 1):
        begins = word * WORD_TICKS
        ticks = (1 << min(end - begins, WORD_TICKS)) - (1 << max(asked - begins, 0))
        ticks &= ~_taken(group, word, p, ports)
        if ticks:
            _take(group, word, ticks, p, ports)


@hot
def _end(asked: int, left: int, group: int, p: Parameters, ports: Ints) -> int:
    """Return the tick by which a row's ports were all free in ``left`` ticks since ``asked``."""
    word = asked // WORD_TICKS
    tick = asked - word * WORD_TICKS
    while True:
        taken = _taken(group, word, p, ports) >> tick
        while tick < WORD_TICKS:
            if taken & _CYCLE == _CYCLE:
                tick += TICKS_PER_CYCLE
                taken >>= TICKS_PER_CYCLE
                continue
            left -= 1 - (taken & 1)
            tick += 1
            taken >>= 1
            if left == 0:
                return word * WORD_TICKS + tick
        word += 1
        tick = 0


# Each stretch of ``WORD_TICKS`` ticks has a block in ``Window.ports``. The first number of a block
# tells the stretch; it is negative, so that no other number of a block can be taken for it. Then
# come, group by group, numbers with a bit for each tick: that of the n-th says that n ports of the
# group are taken, so the last one of a group says where none is free.


@inlined
def _block(word: int, p: Parameters) -> tuple[int, int, int, int, int, int, int, int]:
    """Return where the block of a stretch begins, where each group in it does, and where it ends.

    The groups are ALUs, branches, loads, stores, multipliers and address units.
    """
    branch = 1 + p.alu_ports
    loading = branch + p.branch_ports
    storing = loading + p.load_ports
    multiply = storing + p.store_ports
    address = multiply + p.mul_ports
    length = address + p.address_units
    block = (word & (PORT_WORDS - 1)) * length
    return (
        block,
        block + 1,
        block + branch,
        block + loading,
        block + storing,
        block + multiply,
        block + address,
        block + length,
    )


@inlined
def _taken(group: int, word: int, p: Parameters, ports: Ints) -> int:
    """Return the ticks of a stretch in which a row of a group does not find all its ports."""
    block, _, branch, loading, storing, multiply, address, end = _block(word, p)
    if ports[block] != -1 - word:
        return 0
    taken: int = 0
    if group == ALU:
        taken = ports[branch - 1]
    elif group == BRANCH:
        taken = ports[loading - 1]
        if p.branches_on_alus:
            taken |= ports[branch - 1]
    elif group == LOADING:
        taken = ports[storing - 1] | ports[end - 1]
    elif group == STORING:
        taken = ports[multiply - 1] | ports[end - 1]
    elif group == MULTIPLY:
        taken = ports[address - 1] | ports[branch - 1]
    else:
        taken = ports[storing - 1] | ports[end - 1]
        if p.locked_alus:
            taken |= ports[branch - p.locked_alus]
    return taken


@inlined
def _take(group: int, word: int, ticks: int, p: Parameters, ports: Ints) -> None:
    """Take the ports of a row of a group in some ticks of a stretch, in which all are free."""
    block, alu, branch, loading, storing, multiply, address, end = _block(word, p)
    if ports[block] != -1 - word:
        ports[block] = -1 - word
        for port in range(alu, end):
            ports[port] = 0
    alus = 0
    if group == ALU:
        alus = 1
    elif group == BRANCH:
        _take_one(ports, branch, ticks)
        alus = 1 if p.branches_on_alus else 0
    elif group == STORING:
        _take_one(ports, storing, ticks)
        _take_one(ports, address, ticks)
    elif group == MULTIPLY:
        _take_one(ports, multiply, ticks)
        alus = 1
    else:
        _take_one(ports, loading, ticks)
        _take_one(ports, address, ticks)
        alus = p.locked_alus if group == LOCKING else 0
    for _ in range(alus):
        _take_one(ports, alu, ticks)


@inlined
def _take_one(ports: Ints, port: int, ticks: int) -> None:
    """Take the first free port, from ``port`` on, in each of some ticks."""
    while ticks:
        before = ports[port]
        ports[port] = before | ticks
        ticks &= before
        port += 1


@inlined
def redirect(time: int, cause: int, now: Now) -> None:
    """Let nothing younger dispatch before ``time``."""
    now.redirect = time
    now.redirect_cause = cause
