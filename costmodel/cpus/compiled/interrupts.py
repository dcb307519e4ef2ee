"""Interrupts of an address space in compiled code, as :mod:`costmodel.cpus.invalidation`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from costmodel.arrays import Flags, Floats, Ints
from costmodel.cpus.compiled.servers import Servers, turn
from costmodel.cpus.invalidation import HANDLER_LINES, NOWHERE, READS_AT_ONCE, SENDER_LINES
from costmodel.jit import inlined


class ReceiverArrays(NamedTuple):
    """All CPUs as receivers of interrupts, one entry each, those of a process side by side.

    ``numbers``: which of them execute operations. ``threads`` int64[1]: CPUs of a process.
    ``stolen``, ``begins``, ``free``: see :class:`costmodel.cpus.invalidation.Shootdowns`; they and
    ``sockets`` have entries for CPUs that are not in use, too. ``near`` and ``far`` int64[2] are
    the transfer of a line and the delivery in ps, ``idle_wake`` int64[1] what comes on top where a
    CPU sleeps. ``visited``, ``busy``: of all interrupts while operations count.
    """

    numbers: Ints
    threads: Ints
    sockets: Ints
    running: Flags
    stolen: Ints
    begins: Ints
    free: Ints
    near: Ints
    far: Ints
    idle_wake: Ints
    visited: Floats
    busy: Ints


TRIM, WRITE, WRITE_CPUS, HANDLER = range(4)
"""Prices: the time between two flushes that trim, one write of the sender, how many CPUs it
reaches, and a handler."""


class LeftArrays(NamedTuple):
    """The CPUs that threads were on before they moved; one entry for each CPU that they are on.

    ``left``: its number, ``lingering``: whether the mask has it (see
    :class:`costmodel.cpus.invalidation.Receivers`). ``asks``: the flush that this CPU sends goes to
    them. ``trims``: from when on flushes do, of the process whose first CPU it is. ``prices``
    int64[4]: see :data:`TRIM`. ``moves`` bool[2]: whether threads move, and all of a process as its
    first one begins.
    """

    left: Ints
    lingering: Flags
    asks: Flags
    trims: Ints
    prices: Ints
    moves: Flags


class FlushTable(NamedTuple):
    """What the steps flush, one entry per step.

    ``times`` flushes drawn together, whose ``handlers`` take so long beside the transfer of lines,
    on sleeping CPUs, too, where one ``frees`` page tables. ``reads``: handlers read the generation.
    ``lines`` int64[steps, CPUs]: the server of this line, -1 where each CPU has its own.
    ``takes`` int64[steps, CPUs]: how long each CPU sends, or waits where nothing else decides.
    """

    times: Ints
    handlers: Ints
    frees: Flags
    reads: Flags
    lines: Ints
    takes: Ints


@inlined
def _wanted(receivers: ReceiverArrays, one: int, number: int, frees: bool) -> bool:
    return one != number and (frees or bool(receivers.running[one]))


@inlined
def _line(receivers: ReceiverArrays, one: int, number: int) -> int:
    near = receivers.sockets[one] == receivers.sockets[number]
    return int(receivers.near[0] if near else receivers.far[0])


@inlined
def _generation_ps(
    line: int, cpu: int, servers: Servers, now: int, times: int, lines: int, count: int
) -> int:
    """Return how long a handler waits for the generation, which all of them read."""
    alone = int(lines / count)
    if line < 0:
        return alone
    reads = lines // READS_AT_ONCE
    waits = turn(servers, line, cpu, servers.last[line], now, times * reads, 0.0) - times * reads
    return int(alone + waits // times + reads // 2)


@inlined
def move(receivers: ReceiverArrays, of: LeftArrays, cpu: int) -> None:
    """Note that threads came from another CPU, as an operation begins."""
    if not of.moves[0]:
        return
    first = receivers.numbers[cpu]
    last = first + (receivers.threads[0] if of.moves[1] else 1)
    for one in range(first, last):
        if receivers.running[one] and of.left[one] != NOWHERE:
            of.lingering[one] = True


@inlined
def send_in_vain(
    receivers: ReceiverArrays, of: LeftArrays, flushes: FlushTable, step: int, cpu: int, now: int
) -> int:
    """Decide whether a flush goes to CPUs that were left; return how long sending to them takes."""
    if not of.moves[0]:
        return 0
    number = receivers.numbers[cpu]
    first = number - number % receivers.threads[0]
    own, left, lines = 0, 0, 0
    for one in range(first, first + receivers.threads[0]):
        own += _wanted(receivers, one, number, flushes.frees[step])
        if of.lingering[one]:
            left += 1
            lines += _line(receivers, of.left[one], number)
    due = now >= of.trims[first] and own + left > 0
    if due:
        of.trims[first] = now + of.prices[TRIM]
    of.asks[cpu] = due or flushes.frees[step]
    if not of.asks[cpu]:
        return 0
    reach = of.prices[WRITE_CPUS]
    writes = (own + left + reach - 1) // reach - (own + reach - 1) // reach
    return int(SENDER_LINES * lines + writes * of.prices[WRITE])


@inlined
def _answer(receivers: ReceiverArrays, one: int, arrives: int, lines: int, handler: int) -> int:
    """Let a CPU handle an interrupt, for which it fetches lines; return when it is done."""
    took = lines
    if arrives < receivers.begins[one]:
        receivers.free[one] += took
    else:
        receivers.begins[one] = max(receivers.free[one], arrives)
        took += handler
        receivers.free[one] = receivers.begins[one] + took
    receivers.stolen[one] += took
    receivers.busy[0] += took if one < len(receivers.running) else 0
    return int(receivers.free[one])


@inlined
def _answered_in_vain(
    receivers: ReceiverArrays, of: LeftArrays, first: int, number: int, now: int
) -> int:
    """Interrupt the CPUs that threads left; return when they have answered."""
    until = now
    for one in range(first, first + receivers.threads[0]):
        if not of.lingering[one]:
            continue
        of.lingering[one] = False
        left = of.left[one]
        near = receivers.sockets[left] == receivers.sockets[number]
        arrives = now + (receivers.near[1] if near else receivers.far[1])
        line = _line(receivers, left, number)
        handler = of.prices[HANDLER] + line
        answered = _answer(receivers, left, arrives, HANDLER_LINES * line, handler)
        until = max(until, answered + line)
        receivers.visited[0] += 1
    return int(until)


@inlined
def until_answered(
    receivers: ReceiverArrays,
    of: LeftArrays,
    flushes: FlushTable,
    step: int,
    servers: Servers,
    cpu: int,
    now: int,
) -> int:
    """Send what a step flushes; return after how many ps every CPU has answered."""
    number, times = receivers.numbers[cpu], flushes.times[step]
    first = number - number % receivers.threads[0]
    last = first + receivers.threads[0]
    until = _answered_in_vain(receivers, of, first, number, now) if of.asks[cpu] else now
    count, lines = 0, 0
    for one in range(first, last):
        if _wanted(receivers, one, number, flushes.frees[step]):
            count += 1
            lines += _line(receivers, one, number)
    if not count:
        return int(until - now)
    handler = flushes.handlers[step]
    if flushes.reads[step]:
        line = flushes.lines[step, cpu]
        handler += _generation_ps(line, cpu, servers, now, times, lines, count)
    for one in range(first, last):
        if not _wanted(receivers, one, number, flushes.frees[step]):
            continue
        near = receivers.sockets[one] == receivers.sockets[number]
        delivery = receivers.near[1] if near else receivers.far[1]
        wakes = 0 if receivers.running[one] else receivers.idle_wake[0]
        arrives = now + times * (delivery + wakes)
        transfer = _line(receivers, one, number)
        fetches = times * HANDLER_LINES * transfer
        answered = _answer(receivers, one, arrives, fetches, times * handler)
        until = max(until, answered + times * transfer)
    receivers.visited[0] += times * count
    return int(until - now)


def receivers_of(
    numbers: Ints, threads: int, sockets: Ints, running: Flags, prices: Ints
) -> ReceiverArrays:
    """Return receivers that nobody has interrupted.

    ``prices`` int64[5]: transfer of a line near and far, delivery near and far, and what a sleeping
    CPU takes on top.
    """
    count = len(sockets)
    ints = np.zeros((4, count), np.int64)
    return ReceiverArrays(
        numbers=numbers,
        threads=np.array([threads]),
        sockets=sockets,
        running=running,
        stolen=ints[0],
        begins=ints[1],
        free=ints[2],
        near=prices[[0, 2]],
        far=prices[[1, 3]],
        idle_wake=prices[4:],
        visited=np.zeros(1),
        busy=ints[3, :1],
    )
