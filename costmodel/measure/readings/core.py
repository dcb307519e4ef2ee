"""Widths, ports, latencies and habits of the core."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from costmodel.measure.readings.number import SHIFTED, Number, Taken, knee
from costmodel.measure.sampling import STEADY_PCT
from costmodel.measure.suite import BRANCH_ADDITIONS, BRANCHES_BEHIND, JUMPS, counts

HALF = 0.5
_EXIT_CYCLES = 5
_SLOWER = 1.3
"""How many times as long as the quickest taken branch another one takes, at the least, where a
first level does not hold its target: a bubble is half a cycle or more."""
_APART = 1.5
"""How many times as long two misses take one after the other, at the least: what stands between
takes time as well, so it is not 2. A machine that only works off what stands between takes 1.2
times as long for the next number at the most."""


def numbers(taken: Taken) -> Iterator[Number]:
    """Yield the numbers of ``core``."""
    yield from _rates(taken)
    yield from _latencies(taken)
    yield from _forwarding(taken)
    yield from _branches(taken)
    yield from _targets(taken)
    yield from _shared_ports(taken)
    yield from _choices(taken)
    yield from _in_flight(taken)


def _rates(taken: Taken) -> Iterator[Number]:
    for key, name, how in (
        ("core.width", "nops", "NOPs in a row"),
        ("core.alu_ports", "adds", "independent additions"),
        ("core.load_ports", "loads", "loads of the L1"),
        ("core.store_ports", "stores", "stores to the L1"),
        ("core.branch_ports", "branches", "branches not taken"),
        ("core.mul_ports", "multiplications", "independent multiplications"),
    ):
        if taken.has(name):
            yield Number.rate(key, taken.cycles(name), how)
    mixes = ("two loads, one store", "one load, one store", "loads")
    if taken.has(*mixes):
        best = min((taken.cycles(name) for name in mixes), key=lambda each: each.value)
        yield Number.rate("core.address_units", best, "loads and stores mixed")
    if taken.has("stores"):
        yield Number.of("core.store_commit_cycles", taken.cycles("stores"), "stores in a row")
    if taken.has("stores to lines"):
        how = "stores to one line after the other"
        yield Number.of("core.store_line_commit_cycles", taken.cycles("stores to lines"), how)


def _latencies(taken: Taken) -> Iterator[Number]:
    if taken.has("multiplication chain"):
        chain = taken.cycles("multiplication chain")
        yield Number.of("core.mul_latency_cycles", chain, "a chain of multiplications")
    if taken.has("mispredict", "predicted"):
        each = taken.mispredict_cycles()
        how = "branches on random bits, less the same on constant ones"
        key = "core.mispredict_penalty_cycles"
        yield Number(key, each.value, each.low - SHIFTED, each.high + SHIFTED, how)
    if taken.has("call and return"):
        # A jump is no part of it: fetch takes the larger of the two, not both.
        each = taken.cycles("call and return").scaled(HALF)
        yield Number.of("core.call_return_cycles", each, "half a call of an empty function")


def _branches(taken: Taken) -> Iterator[Number]:
    prefix = "history "
    lengths = sorted(int(n.removeprefix(prefix)) for n in taken.results if n.startswith(prefix))
    known = [n for n in lengths if taken.has(f"history {n}") and _exit_known(taken, n)]
    if known:
        longest = known[-1]
        high = next((n for n in lengths if n > longest), 4096)
        how = "loops of a constant length whose exit costs nothing"
        yield Number("core.branch_history_length", longest, longest, high, how)


def _targets(taken: Taken) -> Iterator[Number]:
    """Yield how fast taken branches are followed, and how many of them faster than others."""
    names = {number: f"{number} jumps" for number in JUMPS}
    if not taken.has(names[JUMPS[0]], names[JUMPS[-1]]):
        return
    found = {number: taken.cycles(name) for number, name in names.items() if taken.has(name)}
    quick = min(found.values(), key=lambda each: each.value)
    slow = found[JUMPS[-1]]
    how = f"loops of {JUMPS[0]} to {JUMPS[-1]} jumps to the next line"
    if slow.value < _SLOWER * quick.value:
        yield Number.rate("core.taken_branches_per_cycle", quick, how)
        yield Number("core.branch_targets", 0, 0, 0, f"{how}: all of them as fast")
        return
    yield Number.rate("core.taken_branches_per_cycle", slow, how)
    yield Number.rate("core.small_loop_taken_branches_per_cycle", quick, how)
    levels = quick.value, slow.value
    times = {number + 1: each for number, each in found.items()}  # and the loop's own
    last, first = knee({size: each.value for size, each in times.items()}, *levels)
    # Where code lies in memory decides, too: in one run fewer are quick than in another.
    low, _ = knee({size: each.high for size, each in times.items()}, *levels)
    _, high = knee({size: each.low for size, each in times.items()}, *levels)
    rise = times[first].value - times[last].value
    way = (sum(levels) / 2 - times[last].value) / rise if last < first else 0
    size = last + way * (first - last)
    size, low, high = (round(number / 2) for number in (size, low, high))
    yield Number(
        "core.branch_targets", size, low, high, f"{how}: halfway to slow with twice as many"
    )


def _shared_ports(taken: Taken) -> Iterator[Number]:
    """Yield whether branches take integer ports, and fuse with additions, where it can be seen.

    It cannot where so few micro-ops are dispatched that the ports do not matter.
    """
    apart, behind = BRANCHES_BEHIND.values()
    if not taken.has("adds", "nops", apart):
        return
    add, slot = taken.cycles("adds").value, taken.cycles("nops").value
    time = taken.cycles(apart).value
    own = max(BRANCH_ADDITIONS * add, (BRANCH_ADDITIONS + 2) * slot)
    shared = max((BRANCH_ADDITIONS + 1) * add, own)
    if shared < 1.1 * own:
        return
    shares = time > (own + shared) / 2
    how = "4 additions, a load and a branch, over 4 additions"
    yield Number.choice("core.branches_take_alu_ports", shares, how)
    if shares and taken.has(behind):
        fuses = taken.cycles(behind).value < (own + time) / 2
        how = "4 additions and a branch, with and without a load between"
        yield Number.choice("core.fuses_arithmetic_branch", fuses, how)


def _exit_known(taken: Taken, length: int) -> bool:
    """Tell whether a loop takes a cycle per iteration, and less than a mispredict more."""
    return taken.cycles(f"history {length}").value < length + _EXIT_CYCLES


def _forwarding(taken: Taken) -> Iterator[Number]:
    bases = ("forward any base", "forward two bases", "forward stack")
    found = [taken.cycles(name) for name in bases if taken.has(name)]
    if found:
        # The addition of one cycle between load and store is not part of it. Where nothing else
        # remains, a clock that drifts may leave less than nothing.
        times = [each.scaled(1, 1.0) for each in found]
        usual = times[min(1, len(times) - 1)]
        low = max(0.0, min(each.low for each in times))
        high = max(0.0, *(each.high for each in times))
        how = "load, add, store of one address; " + ", ".join(
            f"{name.removeprefix('forward ')} {each.value:.2f}"
            for name, each in zip(bases, times, strict=False)
        )
        value = usual.value if usual.value > STEADY_PCT / 100 else 0.0  # of one cycle
        yield Number("core.store_forward_cycles", value, min(low, value), high, how)


def _choices(taken: Taken) -> Iterator[Number]:
    if taken.has("moves", "adds"):
        gone = taken.cycles("moves").value < HALF
        yield Number.choice("core.eliminates_moves", gone, "a chain of 47 moves")
    for key, kind in (("immediates", "immediate"), ("zero_idioms", "zero")):
        name = f"adds and {kind}s"
        if taken.has(name, "adds"):
            gone = taken.cycles(name).value < 0.87 * taken.cycles("adds").value
            how = f"additions with as many {kind}s between"
            yield Number.choice(f"core.eliminates_{key}", gone, how)
    if taken.has("compare and branch", "compare, branch apart"):
        near, apart = (
            taken.cycles(f"compare{rest}").value for rest in (" and branch", ", branch apart")
        )
        how = "compare and branch among additions, with and without a NOP between"
        yield Number.choice("core.fuses_compare_branch", near < 0.95 * apart, how)


def _in_flight(taken: Taken) -> Iterator[Number]:
    """Yield how many may be in flight: when more stand between two misses, those do not overlap."""
    for key, what, entries in (
        ("core.rob_entries", "no-operations", 1),
        ("core.store_queue_entries", "stores", 1),
        ("core.results_in_flight", "additions", 1),
        ("core.branches_in_flight", "jumps", 1),
        ("core.calls_in_flight", "calls", 2),
    ):
        names = {count: f"{count} {what} between misses" for count in counts(what)}
        times = {n: taken.cycles(name).value for n, name in names.items() if taken.has(name)}
        rises = {
            (last, first): min(time for n, time in times.items() if n >= first) / times[last]
            for last, first in pairwise(times)
        }
        if max(rises.values(), default=0.0) < _APART:
            continue
        last, first = max(rises, key=lambda pair: rises[pair])
        how = (
            f"two misses overlap across {last} {what}{' and returns' * (entries == 2)}, not {first}"
        )
        yield Number(key, entries * ((last + first) // 2), entries * last, entries * first, how)
