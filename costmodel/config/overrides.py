"""``--set KEY=VALUE``: change machines, the workload or the protocol for one run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import TypeVar

from costmodel.config.document import parse_scalar
from costmodel.config.errors import ConfigError, Fault, describe, unknown
from costmodel.config.machine import Machine, load_machine
from costmodel.config.resources import names
from costmodel.config.scenario import Protocol, Scenario

T = TypeVar("T")

SCENARIO_KEYS = (
    *(name for name in Scenario.model_fields if name not in ("machines", "overrides", "protocol")),
    *(f"protocol.{name}" for name in Protocol.model_fields),
)
"""What an override can change in a scenario."""


def parse_assignment(text: str, *, origin: str = "--set") -> tuple[str, object]:
    """Return ``KEY=VALUE`` as key and value; the value is read as in a scenario file."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip() or not value.strip():
        raise ConfigError.of(origin, "must have the form KEY=VALUE", got=describe(text))
    return key.strip(), parse_scalar(value.strip())


def load_with_overrides(
    scenario: Scenario,
    assignments: Iterable[str] = (),
    *,
    origin: str = "--set",
    strategies: Collection[str] | None = None,
) -> tuple[Scenario, dict[str, Machine]]:
    """Return the scenario and its machines by name, the overrides of both applied.

    Those of the scenario file come first, then the assignments (``ampere-altra.tlbi.range=true``,
    ``memory=2 GiB``, ``protocol.runs=4``). Raises ConfigError with every fault.
    """
    faults: list[Fault] = []
    machines: dict[str, Machine] = {}
    for reference in scenario.machines:
        machine = _collect(faults, partial(load_machine, reference, origin="machines"))
        if machine is not None and machine.name in machines:
            faults.append(Fault("machines", reason="two machines of one name", got=machine.name))
        elif machine is not None:
            machines[machine.name] = machine
    changes = [("overrides", key, value) for key, value in scenario.overrides.items()]
    for text in assignments:
        pair = _collect(faults, partial(parse_assignment, text, origin=origin))
        changes += [(origin, *pair)] if pair else []
    for place, key, value in changes:
        done = _collect(faults, partial(_apply, scenario, machines, place, key, value, strategies))
        scenario = done or scenario
    if faults:
        raise ConfigError(faults)
    return scenario, machines


def _apply(
    scenario: Scenario,
    machines: dict[str, Machine],
    origin: str,
    key: str,
    value: object,
    strategies: Collection[str] | None,
) -> Scenario:
    """Change one machine in place, or return the scenario changed."""
    owner = next((name for name in machines if key.startswith(f"{name}.")), None)
    if owner is not None:
        inner = key.removeprefix(f"{owner}.")
        machines[owner] = machines[owner].with_value(inner, value, origin=origin)
        return scenario
    if key.partition(".")[0] in names("machines"):
        raise ConfigError.of(origin, "names a machine that is not in this run", key=key)
    if key not in SCENARIO_KEYS:
        known = [*SCENARIO_KEYS, *(f"{n}.{k}" for n, m in machines.items() for k in m.parameters)]
        raise ConfigError.of(origin, unknown("key", key, known), key=key, got=describe(value))
    return scenario.replace({key: value}, origin=origin, strategies=strategies)


def _collect(faults: list[Fault], action: Callable[[], T]) -> T | None:
    """Return what an action returns; keep its faults and return None if it has some."""
    try:
        return action()
    except ConfigError as error:
        faults += error.faults
        return None


__all__ = ["SCENARIO_KEYS", "load_with_overrides", "parse_assignment"]
