"""Writes docs/machine-file.md and docs/scenario-file.md from the schemas, for ``make docs``."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from costmodel.config.keys import Leaf, branches, leaves
from costmodel.config.machine import Machine
from costmodel.config.parameter import SIZE_KEYS, Choice
from costmodel.config.scenario import Protocol, Scenario
from costmodel.config.sizes import size_text
from costmodel.files import write_text

_MACHINE_HEAD = """\
# Machine files

*Generated from the schema by `make docs`: edit the groups in `costmodel/config/` instead.*

A machine is one YAML file. Shipped ones lie in `machines/` and go by name, your own go by path:
`costmodel machines ./mine.yaml` checks and prints one. Start from a copy of the nearest machine.

At the top stand `name` (lower case, as commands call it), `title` (as tables call it) and `isa`
(`arm64` or `x86_64`). Every number is written with its interval and where it comes from, units
stand in the key:

    latency_cycles: {value: 14.1, low: 14, high: 14.2, kind: derived, source: "..."}

`low <= value <= high` must hold, and all three must lie within the bounds below, which say what is
physically possible. A choice (yes or no, or a name) has no `low` and `high`. Sizes may be written
as `64 KiB`. Parameters marked with an instruction set exist on that one only.

`kind` says how the value is known: `vendor` (a document of the maker), `measured` (on this part or
a sibling), `derived` (arithmetic on measurements), `inferred` (reasoning without data), `fitted`
(by `costmodel calibrate`). A `source` that says "as remembered" was not looked up again.

`--set MACHINE.KEY=VALUE` changes a number for one run, for instance
`--set ampere-altra.tlbi.range=true`.

`compared` may name operations of which times were measured on such a machine, or on a guest of it,
without being published, and the page that says how far off predictions are
(`compared: {fork: docs/loops.md}`): a run then says so, and not that nothing was ever compared.

A file may end with `fit`, which `costmodel calibrate --write` writes: `rows` (what was fitted),
`priors` (each fitted number as its sources have it, so that a later fit starts from there) and
`uncertainty` (`keys`, `stdev`, `correlation`: the joint uncertainty of the numbers that matter,
from which predictions get their intervals). A file without it has independent numbers, each
uncertain by its interval. If you change a number or its bounds beside a fit, calibrate anew:
machines are drawn along the axes of the joint uncertainty, in the order of their widths, so that
one `stdev` that does not fit its bounds draws other machines for all numbers (one wider than the
bounds counts as those).
"""

_SCENARIO_HEAD = """\
# Scenario files

*Generated from the schema by `make docs`: edit `costmodel/config/scenario.py` instead.*

A scenario is one YAML file: machines x folio layouts x strategies, against a baseline. Shipped ones
lie in `scenarios/` and go by name, your own go by path.

`--set KEY=VALUE` changes a key for one run, for instance `--set memory=2 GiB` or
`--set protocol.runs=4`.
"""


def machine_reference() -> str:
    """Return the text of docs/machine-file.md."""
    groups = dict(branches(Machine))
    parts = [_MACHINE_HEAD]
    for prefix, group in groups.items():
        own = [leaf for leaf in leaves(group, f"{prefix}.") if _is_own(leaf, prefix)]
        parts.append(f"## `{prefix}`\n\n{group.__doc__}\n")
        if own:
            head = ["key | bounds | meaning", "--- | --- | ---"]
            texts = docstrings(group)
            rows = [_machine_row(leaf, texts) for leaf in own]
            parts.append("\n".join([*head, *rows]) + "\n")
    return "\n".join(parts)


def scenario_reference() -> str:
    """Return the text of docs/scenario-file.md."""
    parts = [_SCENARIO_HEAD]
    for title, model in (("Keys", Scenario), ("`protocol`", Protocol)):
        head = ["key | default | meaning", "--- | --- | ---"]
        parts.append(f"## {title}\n")
        parts.append("\n".join([*head, *_scenario_rows(model)]) + "\n")
    return "\n".join(parts)


def docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Return the docstring below each field in the source of a schema, by field and on one line.

    Pydantic can keep these texts, but would parse the sources for them at every start.
    """
    found: dict[str, str] = {}
    for one in model.__mro__[: model.__mro__.index(BaseModel)]:
        (definition,) = ast.parse(inspect.getsource(one)).body
        assert isinstance(definition, ast.ClassDef)
        for field, below in pairwise(definition.body):
            match field, below:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    found.setdefault(name, " ".join(text.split()))
    return found


def main(directory: Path) -> None:
    """Write both files into ``directory``."""
    write_text(directory / "machine-file.md", machine_reference())
    write_text(directory / "scenario-file.md", scenario_reference())


def _is_own(leaf: Leaf, prefix: str) -> bool:
    return "." not in leaf.key.removeprefix(f"{prefix}.")


def _machine_row(leaf: Leaf, texts: Mapping[str, str]) -> str:
    name = leaf.key.rsplit(".", 1)[1]
    only = f" ({leaf.isa} only)" if leaf.isa else ""
    return f"`{name}` | {_bounds(leaf)} | {_escaped(texts[name])}{only}"


def _bounds(leaf: Leaf) -> str:
    if leaf.bounds is None:
        assert issubclass(leaf.type, Choice)
        value = leaf.type.model_fields["value"].annotation
        return "true, false" if value is bool else ", ".join(get_args(value))
    low, high = leaf.bounds.low, leaf.bounds.high
    if leaf.key.endswith(SIZE_KEYS):
        return f"{size_text(int(low))} to {size_text(int(high))}"
    return f"{low:g} to {high:g}"


def _scenario_rows(model: type[BaseModel]) -> Iterator[str]:
    texts = docstrings(model)
    for name, info in model.model_fields.items():
        default = "required" if info.is_required() else _default(info.default)
        yield f"`{name}` | {default} | {_escaped(texts[name])}"


def _default(value: Any) -> str:
    if value is None or value in ({}, ()):
        return ""
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "see below" if isinstance(value, BaseModel) else str(value)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
