"""Choices of a machine that no source settles: some of the machines drawn have the other value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from costmodel.config.machine import SET_BY_USER, Machine
from costmodel.config.parameter import Choice

DOUBT = 0.2
"""The share of the machines drawn that have the other value of a choice."""
_ADAPTIVE, _LRU = "adaptive", "lru"


def _flag(value: bool) -> bool:
    return not value


def _policy(value: str) -> str:
    return _LRU if value == _ADAPTIVE else _ADAPTIVE


_OTHER: Mapping[str, Callable[[Any], Any]] = {
    "atomics.far": _flag,
    "atomics.near_when_loaded": _flag,
    "atomics.locked_alone": _flag,
    "core.branches_take_alu_ports": _flag,
    "core.eliminates_moves": _flag,
    "core.eliminates_immediates": _flag,
    "core.eliminates_zero_idioms": _flag,
    "core.fuses_compare_branch": _flag,
    "core.fuses_arithmetic_branch": _flag,
    "caches.l1.replacement": _policy,
    "caches.l2.replacement": _policy,
    "caches.llc.replacement": _policy,
}
"""The choices that decide times of a lone CPU, and what else each may be."""
CHOICES = tuple(_OTHER)
SHAPING_CHOICES = (
    "core.fuses_compare_branch",
    "atomics.near_when_loaded",
    "atomics.far",
    "core.fuses_arithmetic_branch",
)
"""Those that shape a program for the core model, see ``sampling.SHAPING``. The two of atomics are
never wrong together: on some machines drawn more atomics are far, on others fewer."""


def doubtful_choices(machine: Machine) -> list[str]:
    """Return the keys of the choices that decide times on this machine and are only inferred.

    Those that the user made for this run count as known.
    """
    known = machine.parameters
    return [
        key for key in CHOICES if key in known and _is_doubtful(known[key])
        and _matters(machine, key)
    ]  # fmt: skip


def other_value(key: str, value: bool | str) -> bool | str:
    """Return what a choice may be instead of ``value``."""
    other: bool | str = _OTHER[key](value)
    return other


def as_number(value: bool | str | float) -> float:
    """Return a value of a machine as a number: of two values of a choice one is 0, the other 1."""
    return float(value == _ADAPTIVE) if isinstance(value, str) else float(value)


def _is_doubtful(parameter: object) -> bool:
    return (
        isinstance(parameter, Choice)
        and parameter.kind == "inferred"
        and parameter.source != SET_BY_USER
    )


def _matters(machine: Machine, key: str) -> bool:
    """Tell whether a choice matters here: loaded lines do on a machine with far atomics only."""
    return key != "atomics.near_when_loaded" or bool(machine.atomics.far.value)
