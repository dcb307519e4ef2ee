"""Writes fitted numbers into a machine file, and leaves every other character of it unchanged.

PyYAML says where each value is in the text. To load and write the file by it would lose comments
and layout.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import yaml
from pydantic import BaseModel

from costmodel.config.document import parse_document
from costmodel.config.fit import Fit, Uncertainty
from costmodel.config.keys import replaced
from costmodel.config.machine import Machine
from costmodel.config.parameter import Parameter
from costmodel.config.schema import validated
from costmodel.files import write_text
from costmodel.units import YAML_WIDTH

if TYPE_CHECKING:
    from costmodel.calibration.fit import Fitted

RESOLUTION = 0.001
"""To which share of its prior standard deviation a fitted number is rounded."""
HEAD = "# Written by `costmodel calibrate --write`, like the numbers of kind `fitted` above."


def with_fit(machine: Machine, fitted: Fitted, uncertainty: Uncertainty | None = None) -> Machine:
    """Return the machine with its fitted numbers, and without those of an earlier fit."""
    numbers = _restored(machine) | _fitted_parameters(machine, fitted)
    changed: BaseModel = machine
    for key, parameter in numbers.items():
        changed = replaced(changed, key, parameter)
    fit = _fit(machine, fitted, uncertainty) if uncertainty else _priors_only(machine, fitted)
    return cast(Machine, changed.model_copy(update={"fit": fit}))


def write_fit(path: Path, machine: Machine, fitted: Fitted, uncertainty: Uncertainty) -> None:
    """Write a fit into the file of ``machine``: its numbers in their places, ``fit`` at the end.

    The file is replaced in one step, and only by one that can be read without a fault. Raises
    ConfigError for a file that cannot be read or changed, and OSError where it cannot be written.
    """
    text = path.read_text(encoding="utf-8")
    numbers = _restored(machine) | _fitted_parameters(machine, fitted)
    text = _without_fit(_with_parameters(text, numbers))
    text = f"{text.rstrip()}\n\n{_section(_fit(machine, fitted, uncertainty))}"
    validated(Machine, parse_document(text, str(path)))
    write_text(path, text)


def _prior_parameter(machine: Machine, key: str) -> Parameter[float]:
    now = machine.parameters[key]
    assert isinstance(now, Parameter)
    before = machine.fit.priors.get(key) if machine.fit and now.kind == "fitted" else None
    return before or now


def _restored(machine: Machine) -> dict[str, Parameter[float]]:
    """Return the numbers of an earlier fit as they were before it, by dotted key."""
    keys = machine.fit.priors if machine.fit else ()
    return {key: _prior_parameter(machine, key) for key in keys}


def _fitted_parameters(machine: Machine, fitted: Fitted) -> dict[str, Parameter[float]]:
    rows = ", ".join(fitted.problem.data.names)
    source = f"costmodel calibrate, fitted to {rows}; what the sources say stands in fit.priors"
    found = {}
    for prior in fitted.problem.priors:
        before = _prior_parameter(machine, prior.key)
        decimals = math.ceil(-math.log10(RESOLUTION * prior.sigma))
        rounded = round(fitted.numbers[prior.key], decimals) + 0.0
        # Rounding must not lead out of the interval.
        value = min(max(rounded, before.low), before.high)
        found[prior.key] = before.model_copy(
            update={"value": value, "kind": "fitted", "source": source}
        )
    return found


def _priors_only(machine: Machine, fitted: Fitted) -> Fit:
    """Return a fit with independent numbers, for the time before their covariance is known."""
    chosen = fitted.problem.priors
    independent = Uncertainty(
        keys=[prior.key for prior in chosen],
        stdev=[prior.sigma for prior in chosen],
        correlation=[[0.0] * i for i in range(len(chosen))],
    )
    return _fit(machine, fitted, independent)


def _fit(machine: Machine, fitted: Fitted, uncertainty: Uncertainty) -> Fit:
    keys = [prior.key for prior in fitted.problem.priors]
    return Fit(
        rows=list(fitted.problem.data.names),
        priors={key: _prior_parameter(machine, key) for key in keys},
        uncertainty=uncertainty,
    )


def _with_parameters(text: str, numbers: Mapping[str, Parameter[float]]) -> str:
    """Return the text with the mappings of parameters replaced, from the end to the beginning."""
    spans = [(_node_at(text, key), key) for key in numbers]
    for node, key in sorted(spans, key=lambda span: -span[0].start_mark.index):
        start, end = node.start_mark, node.end_mark
        line_start = text.rfind("\n", 0, start.index) + 1
        indent = len(text[line_start:]) - len(text[line_start:].lstrip(" "))
        new = _flow(numbers[key], column=start.column, indent=indent + 2)
        text = text[: start.index] + new + text[end.index :]
    return text


def _top(text: str) -> yaml.MappingNode:
    node = yaml.compose(text, Loader=yaml.BaseLoader)
    assert isinstance(node, yaml.MappingNode)
    return node


def _node_at(text: str, key: str) -> yaml.Node:
    node: yaml.Node = _top(text)
    for name in key.split("."):
        node = _child(node, name)
    return node


def _child(node: yaml.Node, name: str) -> yaml.Node:
    assert isinstance(node, yaml.MappingNode)
    found: yaml.Node = next(value for key, value in node.value if key.value == name)
    return found


def _without_fit(text: str) -> str:
    keys = [key for key, _ in _top(text).value]
    starts = [key.start_mark.index for key in keys]
    for position, key in enumerate(keys):
        if key.value == "fit":
            end = starts[position + 1] if position + 1 < len(keys) else len(text)
            return text[: starts[position]].replace(f"{HEAD}\n", "") + text[end:]
    return text


def _flow(parameter: Parameter[float], *, column: int, indent: int) -> str:
    """Return a parameter as text for a machine file, whose first line begins at ``column``."""
    numbers = ", ".join(f"{name}: {_number(getattr(parameter, name))}" for name in _NUMBERS)
    first = f"{{{numbers}, kind: {parameter.kind},"
    source = f'source: "{_escaped(parameter.source)}"}}'
    if column + len(first) + 1 + len(source) <= YAML_WIDTH:
        return f"{first} {source}"
    lines = textwrap.wrap(
        source,
        YAML_WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 2),
        break_on_hyphens=False,
        break_long_words=False,
    )
    return "\n".join([first, *lines])


_NUMBERS = ("value", "low", "high")


def _section(fit: Fit) -> str:
    uncertainty = fit.uncertainty
    lines = [HEAD, "fit:", f"  rows: [{', '.join(fit.rows)}]", "  priors:"]
    for key, prior in fit.priors.items():
        name = f"    {key}: "
        lines.append(name + _flow(prior, column=len(name), indent=6))
    lines += ["  uncertainty:", "    keys:", *_items(uncertainty.keys)]
    lines.append(f"    stdev: [{', '.join(map(_number, uncertainty.stdev))}]")
    lines.append("    correlation:")
    lines += _items(f"[{', '.join(map(_number, row))}]" for row in uncertainty.correlation)
    return "\n".join(lines) + "\n"


def _items(items: Iterable[str]) -> list[str]:
    return [f"      - {item}" for item in items]


def _number(value: float) -> str:
    text = f"{value:.10g}"
    return text if "e" not in text else f"{value:f}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
