"""The caution that stands beside numbers of a machine of which little is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from costmodel.config.machine import Machine
    from costmodel.config.parameter import ParameterLike

MANY = 0.5
"""Share of inferred numbers from which on a machine needs a caution."""
NAMED = 4
"""How many of them the caution names."""


def inferred(machine: Machine) -> list[str]:
    """Return the keys of all inferred numbers, the least certain (by interval) first."""
    found = {key: p for key, p in machine.parameters.items() if p.kind == "inferred"}
    return sorted(found, key=lambda key: (-_spread(found, key), key))


def caution(machine: Machine) -> str:
    """Return ``caution: 49 of 63 numbers of graviton3 are inferred, ...``, with some of their keys.

    Empty for a machine of which at most half the numbers are inferred.
    """
    keys, total = inferred(machine), len(machine.parameters)
    if len(keys) <= MANY * total:
        return ""
    return (
        f"caution: {len(keys)} of {total} numbers of {machine.name} are inferred, not sourced, "
        f"among them {', '.join(keys[:NAMED])} (see: costmodel machines {machine.name})"
    )


def _spread(parameters: Mapping[str, ParameterLike], key: str) -> float:
    """Return the relative width of a parameter's interval; noise does not move a mean."""
    parameter = parameters[key]
    if key.startswith("noise.") or isinstance(parameter.value, bool | str) or not parameter.value:
        return 0.0
    width: float = (parameter.high - parameter.low) / abs(parameter.value)
    return width
