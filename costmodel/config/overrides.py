"""Overrides (``--set KEY=VALUE``): change machines or keys of the scenario for one run."""

from __future__ import annotations

import os
import typing
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from costmodel.config.document import Place, parse_scalar
from costmodel.config.errors import ConfigError, Fault, describe, unknown
from costmodel.config.keys import RETIRED, warn_retired
from costmodel.config.machine import Machine, load_machine
from costmodel.config.resources import is_path, names
from costmodel.config.scenario import Names, Protocol, Scenario

SCENARIO_KEYS = (
    *(name for name in Scenario.model_fields if name not in ("machines", "overrides", "protocol")),
    *(f"protocol.{name}" for name in Protocol.model_fields),
)
"""The keys of a scenario that an override can change."""
_GROUPS = frozenset(Machine.model_fields)


def parse_assignment(text: str, *, origin: str = "--set") -> tuple[str, object]:
    """Return ``KEY=VALUE`` as key and value, which is read as in a scenario file.

    >>> parse_assignment("protocol.runs=4"), parse_assignment("memory=2 GiB")
    (('protocol.runs', 4), ('memory', '2 GiB'))

    Raises ConfigError for text of another form; ``origin`` is what messages call its place.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip() or not value.strip():
        raise ConfigError.of(origin, "must have the form KEY=VALUE", got=describe(text))
    return key.strip(), parse_scalar(value.strip())


class Check(typing.Protocol):
    """A function that looks for more faults of a question."""

    def __call__(
        self, scenario: Scenario, machines: Mapping[str, Machine], *, is_whole: bool
    ) -> Iterable[Fault]:
        """Return the faults; ``is_whole`` says that the question has none so far."""


@dataclass(frozen=True)
class _Change:
    """One override, and where it was given."""

    key: str
    value: object
    place: Place

    def fault(self, reason: str, got: str | None = None, *, key: str = "") -> Fault:
        place, value = self.place, describe(self.value)
        shown = value if got is None else got
        return Fault(place.file, place.line, place.col, key or self.key, reason, shown)


def load_with_overrides(
    scenario: Scenario,
    assignments: Iterable[str] = (),
    *,
    origin: str = "--set",
    strategies: Names | None = None,
    machines: Mapping[str, Machine] | None = None,
    options: Mapping[str, tuple[Place, object]] | None = None,
    on: tuple[str, object] | None = None,
    also: Check | None = None,
) -> tuple[Scenario, dict[str, Machine]]:
    """Return the scenario and its machines by name, with all overrides applied.

    * Overrides of the scenario file are applied first, then ``options`` (each key with the place
      where it was given and its value), then ``assignments`` (``ampere-altra.tlbi.range=true``,
      ``memory=2 GiB``, ``protocol.runs=4``). All of them are checked together.
    * The key of a machine's number may leave out the machine where there is only one.
    * ``machines``, or ``on`` (where references to machines were given, and these), replace the
      machines of the scenario. Overrides of the file for machines that are then left out are
      ignored.
    * ``strategies`` are the known names, as for :func:`costmodel.config.scenario.load_scenario`.
    * ``also`` returns what else is wrong with the scenario and its machines, as
      :func:`costmodel.plan.plan_faults` does. Where there are faults already, it gets what is left
      of the question, and ``is_whole=False``.

    Raises ConfigError with every fault of machines and overrides.
    """
    faults: list[Fault] = []
    asked = _on(scenario, on, faults)
    loaded = dict(machines) if machines is not None else _loaded(asked, faults)
    changes = [
        _Change(key, value, _place(scenario, key))
        for key, value in _overrides(scenario, loaded).items()
    ]
    changes += [_Change(key, value, place) for key, (place, value) in (options or {}).items()]
    # Where a machine could not be read, a key may be its own.
    all_there = not faults
    changes += _assigned(assignments, origin, faults)
    of_scenario: dict[str, _Change] = {}
    of_machines: dict[str, dict[str, _Change]] = {}
    for change in changes:
        owner = _owner(change.key, loaded)
        if change.key in SCENARIO_KEYS:
            of_scenario[change.key] = change
        elif owner is not None:
            of_machines.setdefault(owner, {})[change.key.removeprefix(f"{owner}.")] = change
        elif all_there or "." not in change.key:
            faults.append(_unknown(change, loaded))
    for name, found in of_machines.items():
        loaded[name] = _revalued(loaded[name], found, faults)
    asked = _replaced(asked, of_scenario, strategies, faults)
    if also is not None:
        faults += also(asked, loaded, is_whole=not faults)
    if faults:
        raise ConfigError(faults)
    return asked, loaded


def by_name(machines: Iterable[Machine], *, origin: str = "machines") -> dict[str, Machine]:
    """Return machines by name; raise ConfigError where two have the same one."""
    found: dict[str, Machine] = {}
    for machine in machines:
        if machine.name in found:
            raise ConfigError.of(origin, "two machines of one name", got=machine.name)
        found[machine.name] = machine
    return found


def _on(scenario: Scenario, machines: tuple[str, object] | None, faults: list[Fault]) -> Scenario:
    """Return the scenario with the machines that an option names instead of its own."""
    if machines is None:
        return scenario
    try:
        place = Place(file=machines[0], names_key=True)
        return scenario.replace({"machines": machines[1]}, origin={"machines": place})
    except ConfigError as error:
        faults += error.faults
        return scenario


def _overrides(scenario: Scenario, loaded: Collection[str]) -> dict[str, object]:
    """Return the overrides of the file, without those for its machines that are not in this run."""
    found = dict(scenario.overrides)
    if not any(key not in SCENARIO_KEYS and _owner(key, loaded) is None for key in found):
        return found
    gone = {machine.name for machine in map(_own, scenario.machines) if machine} - set(loaded)
    return {key: value for key, value in found.items() if not _starts_with(key, gone)}


def _own(reference: str) -> Machine | None:
    try:
        return load_machine(reference)
    except ConfigError:
        return None


def _loaded(scenario: Scenario, faults: list[Fault]) -> dict[str, Machine]:
    loaded: dict[str, Machine] = {}
    for index, reference in enumerate(scenario.machines):
        at = ("machines", index)
        if is_path(reference) and not os.path.exists(reference):
            faults.append(scenario.fault(at, "no such file", describe(reference)))
            continue
        try:
            machine = load_machine(reference, origin="machines")
        except ConfigError as error:
            faults += error.faults
            continue
        if machine.name in loaded:
            faults.append(scenario.fault(at, "two machines of one name", machine.name))
        loaded[machine.name] = machine
    return loaded


def _place(scenario: Scenario, key: str) -> Place:
    fault = scenario.fault(("overrides", key), "")
    return Place(fault.line, fault.col, fault.file)


def _assigned(texts: Iterable[str], origin: str, faults: list[Fault]) -> Iterator[_Change]:
    known: set[str] = set()
    for text in texts:
        try:
            change = _Change(*parse_assignment(text, origin=origin), Place(file=origin))
        except ConfigError as error:
            faults += error.faults
            continue
        if change.key in known:
            faults.append(change.fault("is given twice"))
        known.add(change.key)
        yield change


def _owner(key: str, machines: Collection[str]) -> str | None:
    """Return the machine whose number a key names; without a name in it, the only machine."""
    named = _starts_with(key, machines)
    if not named and len(machines) == 1 and key.partition(".")[0] in _GROUPS:
        return next(iter(machines))
    # One machine's name may begin as another's does.
    return max(named, key=len, default=None)


def _starts_with(key: str, machines: Iterable[str]) -> list[str]:
    return [name for name in machines if key.startswith(f"{name}.")]


def _unknown(change: _Change, machines: Mapping[str, Machine]) -> Fault:
    """Return the fault of a key that nothing in this run has."""
    first = change.key.partition(".")[0]
    if change.key in Scenario.model_fields:
        return change.fault("cannot be changed so")  # machines, overrides, protocol as a whole
    if first in names("machines"):
        return change.fault("names a machine that is not in this run", "")
    if first in _GROUPS:
        example = f"{next(iter(machines), 'machine')}.{change.key}"
        return change.fault(f"needs its machine before it, such as {example}")
    numbers = [f"{name}.{inner}" for name, m in machines.items() for inner in m.parameters]
    return change.fault(unknown("key", change.key, [*SCENARIO_KEYS, *numbers]))


def _revalued(machine: Machine, changes: Mapping[str, _Change], faults: list[Fault]) -> Machine:
    """Return a machine with numbers changed; if that fails, note the faults and return it as is."""
    for key in [key for key in changes if key in RETIRED]:
        warn_retired(key, changes[key].place.file, changes[key].place)
    values = {key: change.value for key, change in changes.items() if key not in RETIRED}
    try:
        return machine.with_values(values)
    except ConfigError as error:
        for fault in error.faults:
            key = fault.key.removeprefix(f"{machine.name}.")
            # What became contradictory may be a number that nobody changed.
            change = changes.get(key, next(iter(changes.values())))
            faults.append(change.fault(fault.reason, fault.got, key=fault.key))
        return machine


def _replaced(
    scenario: Scenario,
    changes: Mapping[str, _Change],
    strategies: Names | None,
    faults: list[Fault],
) -> Scenario:
    """Return the scenario with all changes, or with those that are possible alone."""
    if not changes:
        return scenario
    values = {key: change.value for key, change in changes.items()}
    places = {key: change.place for key, change in changes.items()}
    try:
        return scenario.replace(values, origin=places, strategies=strategies)
    except ConfigError as error:
        faults += error.faults
    for key in sorted(values, key=lambda key: key != "operation"):  # on which others depend
        with suppress(ConfigError):
            scenario = scenario.replace({key: values[key]}, origin=places, strategies=strategies)
    return scenario
