"""Write a machine file: measured numbers, and all others from the nearest shipped machine."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from costmodel.config.document import parse_document
from costmodel.config.errors import ConfigError
from costmodel.config.keys import Leaf, leaves_by_key
from costmodel.config.machine import Machine
from costmodel.config.parameter import SIZE_KEYS, Parameter, ParameterLike
from costmodel.config.schema import validated
from costmodel.config.sizes import size_text
from costmodel.measure.readings.number import Number
from costmodel.units import YAML_WIDTH

_DIGITS = 4


@dataclass(frozen=True)
class Made:
    """A machine file, and which of its numbers were measured."""

    text: str
    machine: Machine
    measured: tuple[str, ...]
    """Keys, in the order of the file."""
    kept: tuple[str, ...]
    refused: Mapping[str, str]
    """Measured numbers that no machine can have, by key, with the reason. The file has the number
    of the nearest machine instead."""


def machine_text(
    numbers: Iterable[Number], nearest: Machine, *, name: str, title: str, origin: str
) -> Made:
    """Return a machine file with the measured numbers; their sources begin with ``origin``.

    Numbers for which the schema has no key are left out. Numbers that contradict each other or
    physics are replaced by those of the nearest machine.
    """
    known = leaves_by_key(Machine, nearest.isa)
    measured = {number.key: number for number in numbers if number.key in known}
    refused: dict[str, str] = {}
    while True:
        entries = {
            key: _measured(measured[key], leaf, origin)
            if key in measured
            else _kept(value, nearest.name)
            for (key, leaf), value in zip(known.items(), nearest.parameters.values(), strict=True)
        }
        text = _text(entries, nearest, name, title, origin)
        try:
            machine = validated(Machine, parse_document(text, name))
        except ConfigError as error:
            wrong = _blamed(error, measured)
            if not wrong:
                raise
            refused |= wrong
            measured = {key: found for key, found in measured.items() if key not in wrong}
            continue
        kept = tuple(key for key in known if key not in measured)
        return Made(text, machine, tuple(k for k in known if k in measured), kept, refused)


def _blamed(error: ConfigError, measured: Mapping[str, Number]) -> dict[str, str]:
    """Return the measured numbers that the faults of ``error`` are about, by key, with the reason.

    A fault whose key was not measured counts against all measured numbers that its text names.
    """
    found = {}
    for fault in error.faults:
        key = fault.key
        while key and key not in measured:
            key = key.rpartition(".")[0]
        if key:
            found[key] = fault.reason
            continue
        # A contradiction of a measured number and a kept one names only one of them.
        found |= {k: fault.reason for k in measured if k in fault.reason}
    return found


def _measured(number: Number, leaf: Leaf, origin: str) -> dict[str, Any]:
    source = f"{origin}: {number.how}"
    if not issubclass(leaf.type, Parameter):
        return {"value": bool(number.value), "kind": "measured", "source": source}
    low, value, high = number.low, number.value, number.high
    if leaf.type.model_fields["value"].annotation is float:
        low, value, high = (float(f"{each:.{_DIGITS}g}") for each in (low, value, high))
    else:
        low, value, high = math.floor(low + 0.05), max(1, round(value)), math.ceil(high - 0.05)
    if leaf.bounds is not None:
        # A value beyond what physics allows is a fault; the ends of its interval are cut.
        low, high = max(low, leaf.bounds.low), min(high, leaf.bounds.high)
        if leaf.type.model_fields["value"].annotation is not float:
            low, high = math.ceil(low), math.floor(high)
    low, high = min(low, value), max(high, value)
    return {"value": value, "low": low, "high": high, "kind": "measured", "source": source}


def _kept(parameter: ParameterLike, name: str) -> dict[str, Any]:
    # A fit belongs to the machine that it was made on: here its result is a guess.
    kind = "inferred" if parameter.kind == "fitted" else parameter.kind
    source = f"kept from {name}: {parameter.source}"
    if not isinstance(parameter, Parameter):
        return {"value": parameter.value, "kind": kind, "source": source}
    numbers = {each: getattr(parameter, each) for each in ("value", "low", "high")}
    return {**numbers, "kind": kind, "source": source}


def _text(
    entries: Mapping[str, Mapping[str, Any]], nearest: Machine, name: str, title: str, origin: str
) -> str:
    lines = [
        f"# {title}.",
        f"# Written by `{origin}`; what it did not measure is that of {nearest.name}.",
        "",
        f"name: {name}",
        f"title: {_quoted(title)}",
        f"isa: {nearest.isa}",
    ]
    path: list[str] = []
    for key, entry in entries.items():
        *groups, leaf = key.split(".")
        if path[:1] != groups[:1]:
            lines.append("")
        for depth, group in enumerate(groups):
            if path[: depth + 1] != groups[: depth + 1]:
                lines.append(f"{'  ' * depth}{group}:")
        path = groups
        lines += _entry("  " * len(groups), leaf, entry)
    return "\n".join(lines) + "\n"


def _entry(indent: str, leaf: str, entry: Mapping[str, Any]) -> list[str]:
    """Return one parameter, folded at the width of machine files."""
    parts = [f"{name}: {_value(leaf, name, value)}" for name, value in entry.items()]
    *front, source = parts
    first = f"{indent}{leaf}: {{{', '.join(front)},"
    folded = textwrap.wrap(
        f"{source}}}",
        YAML_WIDTH,
        initial_indent=f"{indent}  ",
        subsequent_indent=f"{indent}    ",
        break_on_hyphens=False,
        break_long_words=False,
    )
    return [first, *folded]


def _value(leaf: str, name: str, value: object) -> str:
    if name == "source":
        return _quoted(str(value))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and leaf.endswith(SIZE_KEYS):
        return size_text(value)
    if isinstance(value, float):
        text = f"{value:.10g}"
        return text if "e" not in text else f"{value:f}"
    return str(value)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
