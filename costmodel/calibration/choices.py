"""The numbers that are fitted on each machine, and the reason for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class FittedNumber:
    """A number that is fitted."""

    key: str
    reason: str
    """Why no source determines the number, and which published rows do."""


FITTED: Final[Mapping[str, tuple[FittedNumber, ...]]] = {
    "xeon-4210r": (
        FittedNumber(
            "atomics.locked_cycles",
            "Measured 18 (latency) and 23 (throughput) in loops of nothing else; what one costs "
            "between other work is neither. It sets the absolute times.",
        ),
    ),
    "ampere-altra": (
        FittedNumber(
            "atomics.line_change_cycles",
            "No source beyond the latency chain of atomics on one line. Batching saves most of "
            "the changes between lines: the order-9 change shows what they cost.",
        ),
        FittedNumber(
            "tlbi.issue_ns",
            "No source for a TLBI on N1. Issue and broadcast cannot be told apart (every train "
            "of the published rows has 16), so broadcast_ns stays at its source.",
        ),
    ),
    "apple-m2-vm": (
        FittedNumber(
            "atomics.line_change_cycles",
            "No source: between the throughput and the latency of atomics on the M1. The "
            "absolute time shows it.",
        ),
        FittedNumber(
            "tlbi.broadcast_ns",
            "Only upper bounds in the sources. Issue and broadcast cannot be told apart, so "
            "issue_ns stays at its source.",
        ),
    ),
}
"""The fitted numbers by machine. Two to four rows are fitted on each, so at most as many numbers
can be."""


def fitted_keys(machine: str) -> tuple[str, ...]:
    """Return the keys of the numbers that are fitted on a machine; empty for other machines."""
    return tuple(choice.key for choice in FITTED.get(machine, ()))
