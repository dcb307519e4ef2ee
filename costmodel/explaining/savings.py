"""What a cheaper price really saves, beside what its share of the CPI stack says.

The stack charges what retirement waits for. Where other work takes as long, a cheaper price saves
less than its share; where it delays other work, it saves more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from costmodel.config.errors import ConfigError
from costmodel.config.machine import Machine
from costmodel.experiment import Result, exact_seconds_on

PRICES: Final[Mapping[str, tuple[str, ...]]] = {
    "atomic": (
        "atomics.line_change_cycles",
        "atomics.store_only_cycles",
        "atomics.cas_cycles",
        "atomics.value_cycles",
        "atomics.acquire_cycles",
        "atomics.far_ns",
    ),
    "locked": ("atomics.locked_cycles", "atomics.locked_retires_cycles"),
    "l1": ("caches.l1.latency_cycles",),
    "l2": ("caches.l2.latency_cycles",),
    "llc": ("caches.llc.latency_ns",),
    "dram": ("caches.dram.latency_ns",),
    "tlb": ("caches.dtlb.walk_ns", "caches.dtlb.l2_latency_cycles"),
    "tlbi": ("tlbi.issue_ns", "tlbi.broadcast_ns"),
    "barrier": ("barriers.dsb_cycles", "barriers.isb_cycles"),
    "branch_mispredict": ("core.mispredict_penalty_cycles",),
    "store_forward": ("core.store_forward_cycles",),
}
"""The numbers of a machine that are the price of a cause. Other causes are sizes, rates or chains,
or lie outside the page tables, where they add up."""
LEAST_SHARE: Final = 0.1
"""Part of the time from which on a cause is looked at."""
LESS: Final = 0.1
"""Part of its price by which a cause is made cheaper."""
AGREES: Final = (0.5, 1.5)
"""How many times what its share says a cause may save, from low to high, before that is told."""


@dataclass(frozen=True)
class Saving:
    """What a price that is a tenth lower saves, in percent of the time.

    ``said_pct`` is a tenth of the share that the stack gives the cause, ``saved_pct`` what the
    model saves. A negative number means that the rest takes longer then, None that there is no such
    machine: others of its numbers forbid a lower price.
    """

    cause: str
    said_pct: float
    saved_pct: float | None

    @property
    def agrees(self) -> bool:
        """Whether the share is known to say about what a lower price saves."""
        if self.saved_pct is None:
            return False
        low, high = AGREES
        return low * self.said_pct <= self.saved_pct <= high * self.said_pct


def savings_of(result: Result) -> tuple[Saving, ...]:
    """Return what a lower price saves of each cause that has one and a tenth of the time.

    The causes come in the order of the stack.
    """
    machine = result.cell.machine
    shares = {cause: ns / result.ns_per_pte for cause, ns in result.stack_ns_per_pte.items()}
    cheaper = {
        cause: _changed(machine, numbers)
        for cause, share in shares.items()
        if share > LEAST_SHARE and (numbers := _lower(machine, cause))
    }
    there = [changed for changed in cheaper.values() if changed is not None]
    before, *after = exact_seconds_on(result.cell, [machine, *there]) if there else [0.0]
    seconds = iter(after)
    return tuple(
        Saving(
            cause,
            100 * LESS * shares[cause],
            None if changed is None else 100 * (1 - next(seconds) / before),
        )
        for cause, changed in cheaper.items()
    )


def _lower(machine: Machine, cause: str) -> dict[str, float]:
    """Return lower prices of a cause, by dotted key; empty for a cause without a price."""
    known = machine.parameters
    return {
        key: (1 - LESS) * known[key].value
        for key in PRICES.get(cause, ())
        if key in known and known[key].value
    }


def _changed(machine: Machine, numbers: Mapping[str, float]) -> Machine | None:
    """Return a machine with other numbers; None where there is no such machine."""
    try:
        return machine.with_values(numbers)
    except ConfigError:
        return None
