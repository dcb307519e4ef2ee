"""A profile in the form that this package works with: which functions ran, for which part of the
time, with their callers where these are known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from costmodel.config.errors import ConfigError, describe

_SUFFIX = re.compile(r"(\.(isra|constprop|part|cold|lto_priv|llvm)(\.\d+)*)+$")
"""What compilers append to the name of a function that they specialised."""
_TIME = re.compile(
    r"(^|/)(cpu[-_]|ref-)?cycles($|[:/])|^(cpu|task)-clock\b|cpu_clk_unhalted|^ibs_op\b",
    re.IGNORECASE,
)
"""Events that come at an even pace while a CPU works: shares of them are shares of its time."""
UNKNOWN_EVENT = "unknown"
"""Name of the event of a text that does not say it."""


@dataclass(frozen=True)
class Stack:
    """A part of a profile: a function that ran, and the functions that had called it."""

    weight: float
    """Its part of the profile, in a unit that is the same for all stacks of the profile: percent
    for a report, sampled periods for a script."""
    comm: str
    """Name of the command; empty where the profile does not say."""
    functions: frozenset[str]
    """Names of the function itself and, where they are known, of all its callers."""


@dataclass(frozen=True)
class Inclusive:
    """Time in a function and in all that it called, as the ``Children`` column of perf states it.

    ``weight`` is in the unit of :attr:`Stack.weight`.
    """

    weight: float
    comm: str
    function: str


@dataclass(frozen=True)
class Profile:
    """What one event of a profile says."""

    form: str
    """What it was read from, such as ``perf script``."""
    event: str
    samples: float | None
    """How many samples there are; None where the text does not say."""
    stacks: tuple[Stack, ...]
    inclusive: tuple[Inclusive, ...] = ()
    has_callers: bool = False
    """Whether stacks hold callers."""
    total: float = 0.0
    """Weight of all that was sampled, including what the text leaves out; shares are of it."""

    @property
    def is_of_time(self) -> bool:
        """Whether shares of the event are shares of time; so they are taken where nothing is said.

        >>> Profile("perf report", "dTLB-load-misses", None, ()).is_of_time
        False
        """
        return self.event == UNKNOWN_EVENT or counts_time(self.event)

    @property
    def comms(self) -> dict[str, float]:
        """Weight by command, the largest first."""
        found: dict[str, float] = {}
        for stack in self.stacks:
            found[stack.comm] = found.get(stack.comm, 0.0) + stack.weight
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    def of_comm(self, comm: str) -> Profile:
        """Return the part of the profile that one command took; shares are then of this part."""
        stacks = tuple(stack for stack in self.stacks if stack.comm == comm)
        share = sum(stack.weight for stack in stacks) / self.total if self.total else 0.0
        return Profile(
            self.form,
            self.event,
            None if self.samples is None else self.samples * share,
            stacks,
            tuple(each for each in self.inclusive if each.comm == comm),
            self.has_callers,
            sum(stack.weight for stack in stacks),
        )


def counts_time(event: str) -> bool:
    """Tell whether an event comes at an even pace while a CPU works.

    >>> [counts_time(name) for name in ("cycles:P", "cpu_core/cycles/", "stalled-cycles-backend")]
    [True, True, False]
    """
    return _TIME.search(event) is not None


def chosen_event(samples: Mapping[str, float], wanted: str | None) -> str:
    """Return the event ``wanted``; if that is None, the one with the most samples.

    Events that count time go before others: a share of misses is no share of the job.
    ``samples``: the weight of each event of the profile. Raises ConfigError for an event that is
    not among them.
    """
    if wanted is not None and wanted not in samples:
        known = ", ".join(sorted(samples))
        raise ConfigError.of("--event", f"must be one of {known}", got=describe(wanted))
    return wanted or max(samples, key=lambda name: (counts_time(name), samples[name]))


def plain(name: str) -> str:
    """Return the name of a function as its source has it.

    >>> plain("set_ptes.constprop.0")
    'set_ptes'
    """
    return _SUFFIX.sub("", name.strip())


def named(functions: Iterable[str]) -> frozenset[str]:
    """Return plain names of functions."""
    return frozenset(plain(name) for name in functions)
