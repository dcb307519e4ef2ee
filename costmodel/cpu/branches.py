"""Finds the conditional branches that are mispredicted, and the taken ones that fetch follows
quickly: those of small loops, and those whose target is in the first level of their buffer.

What is mispredicted follows from the outcomes in the trace alone. It stands for a tournament of
history predictors in steady state. The local predictor knows, for each branch, the length of the
current run of equal outcomes and of the run before, both up to the machine's history length, so it
learns loops up to that trip count. The global predictors know the last outcomes of all branches, so
they learn that two tests of one page agree. Every branch uses the predictor that is best for it.
Tables repeat, so the predictors have seen the trace before, but not this very execution: an outcome
is predicted from the *other* occurrences of its history, so that a random mix stays unpredictable.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from costmodel.arrays import Ints
from costmodel.code.sequences import numbered
from costmodel.code.trace import Trace
from costmodel.code.uops import Kind
from costmodel.cpu.columns import SLOW, flags_of
from costmodel.cpu.reuse import FIRST, touches
from costmodel.disk_cache import kept
from costmodel.jit import compiled

GLOBAL_BITS = (4, 8, 16)
"""How many outcomes of all branches each global predictor knows."""
_CAP_BITS = 12
_BRANCH = int(Kind.BRANCH)
_TAKEN = flags_of((Kind.JUMP, Kind.CALL, Kind.RET), Kind)


def mispredicts(trace: Trace, history_length: int) -> NDArray[np.bool_]:
    """Return which micro-ops are conditional branches mispredicted in steady state, bool[n].

    ``history_length`` is the machine's ``core.branch_history_length``.
    """
    key = trace.token, "mispredicts", history_length
    return kept(key, lambda: _mispredicts(trace, history_length))


def _mispredicts(trace: Trace, history_length: int) -> NDArray[np.bool_]:
    result = np.zeros(len(trace), np.bool_)
    every = _outcomes(trace)
    seen = every.chosen(_goes_both_ways(every))  # who always goes one way is always right
    if len(seen.row) == 0:
        return result
    runs = _run_lengths(seen.site, seen.taken, seen.sites, _longest_run(history_length))
    wrong, missed = _predicted(seen, runs)
    hard = np.flatnonzero(missed[seen.site])
    recent = _recent(every.taken, max(GLOBAL_BITS))[np.searchsorted(every.row, seen.row[hard])]
    # So many outcomes learn a loop of one iteration more, which the machine must know.
    masks = [(1 << bits) - 1 for bits in GLOBAL_BITS if bits < history_length]
    for mask in masks:
        others, missed_by_others = _predicted(seen.chosen(hard), recent & mask)
        better = missed_by_others < missed
        missed = np.where(better, missed_by_others, missed)
        now = np.zeros(len(seen.row), np.bool_)
        now[hard] = others
        wrong = np.where(better[seen.site], now, wrong)
    result[seen.row] = wrong
    return result


class _Outcomes(NamedTuple):
    """Conditional branches in program order; arrays are int64[k]."""

    row: Ints
    site: Ints
    taken: Ints
    sites: int

    def chosen(self, some: Ints) -> _Outcomes:
        """Return the branches at the positions ``some``."""
        return self._replace(row=self.row[some], site=self.site[some], taken=self.taken[some])


def _outcomes(trace: Trace) -> _Outcomes:
    row, site, taken = _conditional(trace.kind, trace.taken, trace.site)
    number, first = numbered(site)
    return _Outcomes(row, number, taken, len(first))


@compiled
def _conditional(
    kind: NDArray[np.uint8], taken: NDArray[np.int8], site: NDArray[np.int32]
) -> tuple[Ints, Ints, Ints]:
    """Return row, site and outcome of the conditional branches."""
    count = 0
    for i in range(len(kind)):
        count += int(kind[i] == _BRANCH and taken[i] >= 0)
    rows = np.empty(count, np.int64)
    sites = np.empty(count, np.int64)
    outcomes = np.empty(count, np.int64)
    at = 0
    for i in range(len(kind)):
        if kind[i] == _BRANCH and taken[i] >= 0:
            rows[at], sites[at], outcomes[at] = i, site[i], taken[i] == 1
            at += 1
    return rows, sites, outcomes


def _goes_both_ways(every: _Outcomes) -> Ints:
    """Return the positions of the branches that are taken sometimes but not always."""
    met = np.bincount(every.site, minlength=every.sites)
    taken = np.bincount(every.site, every.taken, minlength=every.sites)
    return np.flatnonzero(((taken > 0) & (taken < met))[every.site])


def _longest_run(history_length: int) -> int:
    """Return up to which length runs are told apart, so that loops of the history are learnt.

    The exit of a loop of n iterations comes behind a run of n - 1, and one before it of n - 2.
    """
    return min(max(0, history_length - 1), (1 << _CAP_BITS) - 1)


def _predicted(seen: _Outcomes, history: Ints) -> tuple[NDArray[np.bool_], Ints]:
    """Return which outcomes a predictor with ``history`` gets wrong, and how many per branch."""
    key, first = numbered(history * seen.sites + seen.site)
    lead = _lead(key, len(first), seen.taken)
    alone = _lead(seen.site, seen.sites, seen.taken)
    return _wrong(lead, alone, seen.site, seen.sites, seen.taken)


@compiled
def _run_lengths(site: Ints, taken: Ints, sites: int, cap: int) -> Ints:
    """Return direction, current and previous run length before each branch, in one number.

    The trace is run twice and the second time counts, because tables follow each other.
    """
    history = np.zeros(len(site), np.int64)
    last = np.zeros(sites, np.int64)
    current = np.zeros(sites, np.int64)
    previous = np.zeros(sites, np.int64)
    for _ in range(2):
        for i in range(len(site)):
            s = site[i]
            run, before = min(current[s], cap), min(previous[s], cap)
            history[i] = (before << (_CAP_BITS + 1)) | (run << 1) | last[s]
            if taken[i] == last[s]:
                current[s] += 1
            else:
                last[s] = taken[i]
                previous[s] = current[s]
                current[s] = 1
    return history


@compiled
def _recent(taken: Ints, bits: int) -> Ints:
    """Return the last ``bits`` outcomes of all branches before each branch, as bits of a number.

    Before the first branch stand those of the end of the trace, because tables follow each other.
    """
    history = np.empty(len(taken), np.int64)
    recent = 0
    for i in range(-bits, len(taken)):
        if i >= 0:
            history[i] = recent
        recent = ((recent << 1) | taken[i % len(taken)]) & ((1 << bits) - 1)
    return history


@compiled
def _wrong(
    lead: Ints, alone: Ints, site: Ints, sites: int, taken: Ints
) -> tuple[NDArray[np.bool_], Ints]:
    """Predict each outcome from the other occurrences of its history, or else of its branch.

    ``lead`` and ``alone`` say which way these went more often. Returns which predictions are wrong
    and how many per branch.
    """
    wrong = np.zeros(len(lead), np.bool_)
    by_site = np.zeros(sites, np.int64)
    for i in range(len(lead)):
        # Nothing is known of a branch met once; one miss in thousands would not matter either.
        predicted = lead[i] or alone[i] or 2 * taken[i] - 1
        wrong[i] = (predicted > 0) != (taken[i] == 1)
        by_site[site[i]] += wrong[i]
    return wrong, by_site


@compiled
def _lead(group: Ints, groups: int, taken: Ints) -> Ints:
    """Return, for each outcome, taken minus not taken ones among the others of its group."""
    total = np.zeros(groups, np.int64)
    for i in range(len(group)):
        total[group[i]] += 2 * taken[i] - 1
    result = np.empty(len(group), np.int64)
    for i in range(len(group)):
        result[i] = total[group[i]] - (2 * taken[i] - 1)
    return result


def slow_parts(
    kind: NDArray[np.uint8], taken: NDArray[np.int8], site: NDArray[np.int32],
    loop_entries: int, targets: int,
) -> NDArray[np.int16]:  # fmt: skip
    """Return how far each taken branch is from the quick rate, int16[n]: from 0 to ``SLOW``.

    A branch of a loop of at most ``loop_entries`` micro-ops is followed at the quick rate, and so
    is one whose target a first level of ``targets`` holds. With more of them such a level forgets
    little by little, because its sets fill unevenly: all of it with three times as many (measured
    on a Raptor Cove, docs/model.md). What is no taken branch has ``SLOW``.
    """
    parts = np.full(len(kind), SLOW, np.int16)
    if targets:
        branches = np.flatnonzero(_TAKEN[kind] | (taken == 1))
        met = touches(branches, site[branches].astype(np.int64))
        fresh = met.previous == FIRST
        # The execution before took the same branches.
        others = np.where(fresh, np.count_nonzero(fresh) - 1, met.distance)
        parts[branches] = np.clip(SLOW * (others + 1 - targets) // (2 * targets), 0, SLOW)
    if loop_entries:
        number, first = numbered(site.astype(np.int64))
        parts[loops_back(number, len(first), loop_entries)] = 0
    return parts


@compiled
def loops_back(site: Ints, sites: int, entries: int) -> NDArray[np.bool_]:
    """Return where the next instruction was among the last ``entries`` micro-ops, bool[n].

    ``site``, int64[n], holds the static instruction of each micro-op, numbered from 0 to ``sites``.
    """
    count = len(site)
    result = np.zeros(count, np.bool_)
    last = np.full(sites, -1, np.int64)
    for i in range(count - 1):
        last[site[i]] = i
        before = last[site[i + 1]]
        result[i] = before >= 0 and i - before < entries
    return result
