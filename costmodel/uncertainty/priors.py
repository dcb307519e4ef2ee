"""Priors: what a machine file says about a number before published rows are looked at.

A prior has a value, an interval and a standard deviation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from costmodel.config.keys import leaves_by_key
from costmodel.config.machine import SET_BY_USER, Machine
from costmodel.config.parameter import Parameter
from costmodel.config.sharing import ONLY_MANY_CPUS
from costmodel.uncertainty.choices import as_number

SIGMAS = 3.29
"""Standard deviations between ``low`` and ``high``: these are taken as a 90 % interval of a normal
distribution, which is 2 x 1.645 deviations wide."""
LEFT_OUT = ("noise.", "kernel.tick_", "tlbi.cpus_online", "tlbi.per_cpu_ns", *ONLY_MANY_CPUS)
"""Beginnings of keys that the exact time of a lone CPU does not depend on."""
OWN_FLUSHES = ("shootdown.invlpg_ns", "shootdown.full_flush_ns")
"""Those among them that it does depend on: an x86 CPU flushes its own TLB with them, too."""
_SHARED = (*ONLY_MANY_CPUS, "tlbi.per_cpu_ns")
"""What several CPUs at work feel beside it. How many CPUs there are is the user's to say."""
STEP_SIGMAS = 0.5
"""Half-width of a finite difference in standard deviations. It is a cycle at least: smaller steps
of a latency meet accidents of ports, up and down, where there is a slope (docs/model.md)."""


@dataclass(frozen=True)
class Prior:
    """The prior of one number of a machine; all values are in the number's own unit.

    ``low`` and ``high`` bound it, ``sigma`` is its standard deviation, ``step`` the half-width of a
    finite difference. ``whole``: it takes whole numbers only.
    """

    key: str
    value: float
    low: float
    high: float
    sigma: float
    step: float
    whole: bool

    def steps(self, at: float) -> tuple[float, float]:
        """Return the two ends of a finite difference around a value, inside the interval."""
        low, high = max(self.low, at - self.step), min(self.high, at + self.step)
        return (float(round(low)), float(round(high))) if self.whole else (low, high)

    def neighbours(self, at: float, share: float) -> list[float]:
        """Return values to try around a value: a share of a step away, and whole cycles."""
        near = [at - share * self.step, at + share * self.step]
        if self.key.endswith("_cycles"):
            near += [math.floor(at), math.ceil(at)]
        return [self.within(value) for value in near]

    def within(self, number: float) -> float:
        """Return ``number``, moved to the nearest end where it lies outside the interval."""
        return min(max(number, self.low), self.high)

    def typed(self, number: float) -> float | int:
        """Return a number in the type that the machine file has it in."""
        return round(number) if self.whole else float(number)


def priors(machine: Machine, keys: Iterable[str] | None = None) -> tuple[Prior, ...]:
    """Return the priors of ``keys`` in their order, or of every number that is not known exactly.

    A fitted number has the prior that it had before the fit. Numbers that the user set for this
    run count as exact and have none, nor have numbers that a lone CPU does not depend on.
    """
    wanted = None if keys is None else list(keys)
    found = {p.key: p for p in _priors(machine, _felt_alone)}
    return tuple(found[key] for key in (found if wanted is None else wanted) if key in found)


def shared_priors(machine: Machine) -> tuple[Prior, ...]:
    """Return the priors of what several CPUs at work share, which one alone does not feel."""
    return tuple(_priors(machine, lambda key: key.startswith(_SHARED) and key not in OWN_FLUSHES))


def value_of(machine: Machine, prior: Prior) -> float:
    """Return the machine's own value of a prior's number, or of a choice as a number."""
    return as_number(machine.parameters[prior.key].value)


def with_numbers(machine: Machine, numbers: Mapping[Prior, float]) -> Machine:
    """Return the machine with other numbers; those that must be whole are rounded.

    Raises ConfigError for numbers that contradict each other.
    """
    return machine.with_values(
        {prior.key: prior.typed(number) for prior, number in numbers.items()}, origin="calibration"
    )


def variants(machine: Machine, chosen: Iterable[Prior]) -> list[tuple[Machine, float]]:
    """Return for each prior the machine with this number changed, and the size of the change.

    The size is in prior standard deviations. The change is one step to the side with more room,
    which costs half as much as a central difference.
    """
    found = []
    for prior in chosen:
        at = value_of(machine, prior)
        low, high = prior.steps(at)
        to = high if high - at >= at - low else low
        found.append((with_numbers(machine, {prior: to}), (to - at) / prior.sigma))
    return found


def _felt_alone(key: str) -> bool:
    return key in OWN_FLUSHES or not key.startswith(LEFT_OUT)


def _priors(machine: Machine, felt: Callable[[str], bool]) -> Iterator[Prior]:
    known = leaves_by_key(Machine, machine.isa)
    before = machine.fit.priors if machine.fit else {}
    for key, now in machine.parameters.items():
        parameter = before.get(key, now) if now.kind == "fitted" else now
        if not isinstance(parameter, Parameter) or now.source == SET_BY_USER:
            continue
        if not felt(key) or parameter.low >= parameter.high:
            continue
        whole = known[key].type.model_fields["value"].annotation is not float
        yield _prior(machine, key, parameter, whole)


def _prior(machine: Machine, key: str, parameter: Parameter[float], whole: bool) -> Prior:
    sigma = (parameter.high - parameter.low) / SIGMAS
    step = max(STEP_SIGMAS * sigma, _cycle(machine, key))
    return Prior(
        key=key,
        value=float(parameter.value),
        low=float(parameter.low),
        high=float(parameter.high),
        sigma=sigma,
        step=max(1.0, step) if whole else step,
        whole=whole,
    )


def _cycle(machine: Machine, key: str) -> float:
    """Return one core cycle in the unit of a latency; 0 for what is none."""
    if key.endswith("_cycles"):
        return 1.0
    return 1 / machine.core.clock_ghz.value if key.endswith("_ns") else 0.0
