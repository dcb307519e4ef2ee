"""Turns the arguments of the functions in ``costmodel.api`` into a scenario and its machines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike, fspath
from typing import Any

from costmodel.config.document import Place
from costmodel.config.errors import ConfigError, Fault, describe, unknown
from costmodel.config.machine import Machine, load_machine
from costmodel.config.overrides import by_name, load_with_overrides
from costmodel.config.scenario import Scenario, default_scenario, load_scenario
from costmodel.operations.registry import operation_names
from costmodel.strategies.resolve import NamesByOperation

MachineLike = Machine | str | PathLike[str]
"""A machine, the name of a shipped one, or the path of a machine file."""
Order = int | Mapping[int, float | str]
"""A folio order, 0 or 2 to 9, or orders and their shares of memory: ``{0: "50%", 4: "50%"}``."""
Number = bool | int | float | str
"""The value that an override gives to a key: a number, a flag, or a name."""


def all_but(arguments: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return the arguments of a function (its ``locals()``) without those called ``names``."""
    return {name: value for name, value in arguments.items() if name not in names}


def check_operation(operation: object) -> None:
    """Raise ConfigError for anything but the name of an operation."""
    if not isinstance(operation, str) or operation not in operation_names():
        reason = unknown("operation", operation, operation_names())
        raise ConfigError.of("operation", reason, got=describe(operation))


def question_of(
    reference: str | PathLike[str] | None,
    machines: MachineLike | Sequence[MachineLike] | None,
    wanted: Mapping[str, object],
    overrides: Mapping[str, Number] | None,
    *,
    called: Mapping[str, str] | None = None,
) -> tuple[Scenario, dict[str, Machine]]:
    """Return the scenario and the machines by name that the arguments of a function ask for.

    ``reference`` names the scenario that is changed; None stands for the default one. ``wanted``
    maps the names of the arguments that set a key of the scenario to their values; None sets
    nothing. ``called`` maps such a name to what the caller's own argument is called, for messages
    (``strategies`` to ``strategy``). Raises ConfigError with the faults of all arguments; only an
    unknown operation, scenario or machine hides those of the others.
    """
    shown = called or {}
    names = NamesByOperation()
    operation = wanted["operation"]
    if operation is not None:
        check_operation(operation)
    if reference is None:
        asked = default_scenario() if operation is None else default_scenario(str(operation))
    else:
        file = fspath(reference) if isinstance(reference, PathLike) else reference
        asked = load_scenario(file, origin="scenario", strategies=names)
    origin = shown.get("machines", "machines")
    loaded = None if machines is None else _loaded(machines, origin)
    said = {
        _KEYS.get(name, name): (Place(file=shown.get(name, name), names_key=True), _plain(value))
        for name, value in wanted.items()
        if value is not None
    }
    if overrides is not None and not isinstance(overrides, Mapping):
        raise ConfigError.of("overrides", "must be a mapping of keys", got=describe(overrides))
    place = Place(file="overrides")
    said |= {str(key): (place, value) for key, value in (overrides or {}).items()}
    return load_with_overrides(asked, strategies=names, machines=loaded, options=said)


_KEYS = {
    "orders": "folio_orders",
    "runs": "protocol.runs",
    "iterations": "protocol.iterations",
    "seed": "protocol.seed",
}
"""Arguments whose name is not that of the scenario key that they set, and that key."""


def _plain(value: object) -> object:
    """Return a value as a YAML file would give it: dicts and lists for mappings and sequences."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(item) for item in value]
    return value


def _loaded(machines: MachineLike | Sequence[MachineLike], origin: str) -> dict[str, Machine]:
    """Return machines by name; raise ConfigError with the faults of all of them."""
    is_list = isinstance(machines, Iterable) and not isinstance(machines, str | Machine)
    several: Any = machines if is_list else [machines]
    made: list[Machine] = []
    faults: list[Fault] = []
    for each in several:
        try:
            made.append(machine_of(each, origin=origin))
        except ConfigError as error:
            faults += error.faults
    if not made and not faults:
        faults.append(Fault(origin, reason="must not be empty"))
    if faults:
        raise ConfigError(faults)
    return by_name(made, origin=origin)


def machine_of(machine: Any, *, origin: str = "machine") -> Machine:
    """Return the machine that an argument means; raise ConfigError where it means none.

    ``origin`` is what messages call the argument.
    """
    if isinstance(machine, Machine):
        return machine
    if not isinstance(machine, str | PathLike):
        reason = "must be a machine, the name of one, or the path of a machine file"
        raise ConfigError.of(origin, reason, got=describe(machine))
    return load_machine(fspath(machine), origin=origin)


def check_count(name: str, value: object, *, least: int = 1) -> None:
    """Raise ConfigError for anything but a whole number of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        reason = f"must be an integer of at least {least}"
        raise ConfigError.of(name, reason, got=describe(value))


def check_flag(name: str, value: object) -> None:
    """Raise ConfigError for anything but True and False."""
    if not isinstance(value, bool):
        raise ConfigError.of(name, "must be true or false", got=describe(value))
