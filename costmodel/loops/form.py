"""Finds and reads files of loops: lists of loop bodies, each with its measured time, if any."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError, ValidationInfo, field_validator

from costmodel.config.document import parse_list
from costmodel.config.errors import ConfigError, Fault, describe, unknown
from costmodel.config.resources import is_path
from costmodel.config.schema import STRICT, Problem, faults_of, raise_problems
from costmodel.config.yaml_text import read_text

KINDS = (
    "add", "mul", "move", "immediate", "zero", "load", "store", "lock", "branch", "jump",
    "call", "return",
)  # fmt: skip
"""Kinds of instructions. A ``branch`` is not taken, a ``jump`` is; ``lock`` adds to memory."""
FORMS = ("independent", "chain", "same-line", "new-line", "forward")
"""How an instruction depends on those before it. ``chain-2`` names a second chain."""
CHAINED = ("chain", "forward")
_IN_LINES = ("same-line", "new-line")
_ACCESSES = ("load", "store", "lock")
_UNCHAINED = ("jump", "call", "return")
"""Kinds that neither take a result nor leave one."""
MOST = 10_000
"""The most instructions of one body."""


@dataclass(frozen=True)
class InstructionGroup:
    """``count`` equal instructions of a body, one after the other."""

    kind: str
    count: int
    form: str
    chain: str
    """The name of the chain, of several of one form; empty for the first."""


class Loop(BaseModel):
    """A loop: its body, and the measured time of an iteration."""

    model_config = STRICT

    name: Annotated[str, Field(min_length=1)]
    """The name in tables."""
    ops: tuple[InstructionGroup, ...]
    """The instructions of the body in order, each group in a file as [kind, count, form]."""
    repeat: Annotated[int, Field(ge=1, le=MOST)] = 1
    """How often the body repeats ``ops``."""
    cycles: Annotated[float, Field(gt=0)] | None = None
    """Measured cycles of one iteration; None where nothing was measured."""

    @field_validator("ops", mode="before")
    @classmethod
    def _groups(cls, value: object) -> object:
        raise_problems("ops", _problems(value))
        assert isinstance(value, list)
        return tuple(_group(*entry) for entry in value)

    @field_validator("repeat")
    @classmethod
    def _not_endless(cls, value: int, info: ValidationInfo) -> int:
        length = value * sum(group.count for group in info.data.get("ops", ()))
        if length > MOST:
            raise_problems("repeat", [((), f"makes {length} instructions, at most {MOST}", value)])
        return value


def read_loops(path: Path) -> tuple[Loop, ...]:
    """Return the loops of a file, in order; raise ConfigError with every fault in it."""
    document = parse_list(read_text(path), str(path), "loops")
    faults: list[Fault] = list(document.faults)
    loops: list[Loop] = []
    first: dict[str, int] = {}
    for number, item in enumerate(document.data["loops"]):
        at = ("loops", number)
        try:
            loop = Loop.model_validate(item)
        except ValidationError as error:
            faults += faults_of(error, Loop, document, at)
            continue
        if loop.name in first:
            reason = f"stands in the list already, as number {first[loop.name] + 1}"
            faults.append(document.fault((*at, "name"), reason, describe(loop.name)))
        first.setdefault(loop.name, number)
        loops.append(loop)
    if not document.data["loops"]:
        faults.append(document.fault(("loops",), "must not be empty", "an empty list"))
    if faults:
        raise ConfigError(faults)
    return tuple(loops)


def _group(kind: str, count: int, form: str) -> InstructionGroup:
    base, _, chain = form.partition("-")
    return (
        InstructionGroup(kind, count, base, chain)
        if base in CHAINED
        else InstructionGroup(kind, count, form, "")
    )


def _problems(value: object) -> Iterator[Problem]:
    """Yield a problem for everything that is wrong with the body in the file."""
    if not isinstance(value, list):
        yield (), "must be a list of [kind, count, form]", value
        return
    for number, entry in enumerate(value):
        if not isinstance(entry, list) or len(entry) != 3:
            yield (number,), "must be a list [kind, count, form]", entry
            continue
        kind, count, form = entry
        if kind not in KINDS:
            yield (number, 0), unknown("kind", kind, KINDS), kind
        if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= MOST:
            yield (number, 1), f"must be a whole number from 0 to {MOST}", count
        if not isinstance(form, str) or not _is_form(form):
            yield (number, 2), unknown("form", form, FORMS), form
        elif form in _IN_LINES and kind in KINDS and kind not in _ACCESSES:
            yield (number, 2), f"is of accesses to memory alone, which {kind} is not", form
        elif form.partition("-")[0] in CHAINED and kind in _UNCHAINED:
            yield (number, 2), f"must be independent: {kind} has no input and no result", form


def _is_form(form: str) -> bool:
    base, dash, chain = form.partition("-")
    return form in FORMS or (base in CHAINED and bool(dash) and chain.isalnum())


def loops_path(reference: str, *, origin: str = "FILE") -> Path:
    """Return the path of the file that a name or a path means.

    Raises ConfigError for an unknown name; ``origin`` is what messages call its place.
    """
    if is_path(reference):
        return Path(reference)
    data = Path(str(files("costmodel.loops"))) / "data"
    known = sorted(path.stem for path in data.glob("*.yaml"))
    if reference not in known:
        raise ConfigError.of(origin, unknown("file", reference, known), got=describe(reference))
    return data / f"{reference}.yaml"
