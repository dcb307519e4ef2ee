"""A machine: the numbers of a CPU, its memory and its kernel, as one file in ``machines/``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

from pydantic import (
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from costmodel.config.caches import Caches
from costmodel.config.core import Atomics, Barriers, Core, Mitigations, Tlbi
from costmodel.config.document import Document, key_text, parse_document
from costmodel.config.errors import ConfigError, Fault, describe, unknown
from costmodel.config.fit import Fit
from costmodel.config.kernel import Kernel, Noise
from costmodel.config.keys import (
    RETIRED,
    Leaf,
    branches,
    leaves_by_key,
    replaced,
    value_at,
    warn_retired,
    without_retired,
)
from costmodel.config.parameter import Group, Isa, Only, Parameter, ParameterLike
from costmodel.config.resources import find_file, names
from costmodel.config.schema import Problem, Title, faults_of, raise_problems, validated
from costmodel.config.sharing import Locks, Shootdown, Topology
from costmodel.config.yaml_text import decoded, read_bytes
from costmodel.operations.registry import operation_names

SET_BY_USER = "set for this run"
"""The source of a number that was overridden."""

_NAME = r"[a-z0-9][a-z0-9.-]*"

G = TypeVar("G", bound=Group)


class _Parameters(Mapping[str, "ParameterLike"]):
    """The parameters of a machine by dotted key, found when they are asked for."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._known = leaves_by_key(Machine, machine.isa)

    def __getitem__(self, key: str) -> ParameterLike:
        found: ParameterLike = value_at(self._machine, self._known[key].key)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


class Machine(Group):
    """A machine file: every number with its interval, its source and how it is known."""

    name: Annotated[str, Field(pattern=f"^{_NAME}$")]
    """The name in commands and scenarios: the file name without suffix."""
    title: Title
    """The name in tables."""
    isa: Isa
    """Instruction set: arm64 or x86_64."""
    compared: Mapping[str, Title] = {}
    """Operations of which times were measured on such a machine, or on a guest of it, without being
    published, by name; and the page that says how far off predictions are."""
    core: Core
    caches: Caches
    atomics: Atomics = Atomics()
    barriers: Barriers = Barriers()
    mitigations: Mitigations = Mitigations()
    tlbi: Tlbi
    topology: Topology = Topology()
    shootdown: Shootdown = Shootdown()
    locks: Locks = Locks()
    kernel: Kernel
    noise: Noise
    fit: Fit | None = None
    """Where ``kind: fitted`` numbers come from; written by ``costmodel calibrate --write``."""

    _before: dict[str, ParameterLike] = PrivateAttr(default_factory=dict)
    """The parameters of the file, by dotted key, of the numbers that were changed since."""

    def __repr__(self) -> str:
        """Return name, title, instruction set, and how many numbers were changed, in one line."""
        count = len(self.changes)
        changed = f", {count} number{'s' if count > 1 else ''} changed" if count else ""
        return f"<Machine {self.name}: {self.title}, {self.isa}{changed}>"

    def __str__(self) -> str:
        """Return ``repr()``: all numbers would be too many. They are in ``parameters``."""
        return repr(self)

    @classmethod
    def load(cls, path: Path) -> Machine:
        """Return the machine of a file; raise ConfigError with every fault in it.

        A file that was read before is parsed again only if its content changed.
        """
        return _loaded(path, read_bytes(path))

    @field_validator("compared")
    @classmethod
    def _names_operations(cls, compared: Mapping[str, str]) -> Mapping[str, str]:
        known = operation_names()
        wrong = (name for name in compared if name not in known)
        raise_problems(
            "compared", (((name,), unknown("operation", name, known), name) for name in wrong)
        )
        return compared

    @field_validator("atomics", "barriers", "tlbi", "shootdown")
    @classmethod
    def _has_what_its_isa_has(cls, group: G, info: ValidationInfo) -> G:
        raise_problems(str(info.field_name), _isa_problems(group, info.data.get("isa")))
        return group

    def problems(self) -> Iterator[Problem]:
        """Yield a problem where the L2 is as slow as the last-level cache, or the fit is wrong."""
        l2_ns = self.caches.l2.latency_cycles.value / self.core.clock_ghz.value
        if l2_ns >= self.caches.llc.latency_ns.value:
            reason = f"must be above the latency of the L2, {l2_ns:.2f} ns"
            at = ("caches", "llc", "latency_ns", "value")
            yield at, reason, self.caches.llc.latency_ns.value
        yield from self._fit_problems()

    def _fit_problems(self) -> Iterator[Problem]:
        """Yield a problem for each key of the fit that is no number of this machine."""
        if self.fit is None:
            return
        known = leaves_by_key(Machine, self.isa)
        for key in self.fit.priors:
            if key not in known:
                yield ("fit", "priors", key), unknown("key", key, known), key
        for index, key in enumerate(self.fit.uncertainty.keys):
            if key not in known:
                yield ("fit", "uncertainty", "keys", index), unknown("key", key, known), key

    @property
    def parameters(self) -> Mapping[str, ParameterLike]:
        """Every parameter that the instruction set has, by dotted key, in the schema's order."""
        return _Parameters(self)

    @property
    def changes(self) -> dict[str, tuple[Any, Any]]:
        """The numbers set for this run: dotted key to (value in the file, value now)."""
        return {key: (old.value, value_at(self, key).value) for key, old in self._before.items()}

    @property
    def is_shipped(self) -> bool:
        """Whether all its numbers are those of the shipped machine of the same name."""
        if self.name not in names("machines"):
            return False
        shipped = load_machine(self.name).parameters
        return all(p.value == shipped[key].value for key, p in self.parameters.items())

    def renamed(self, name: str) -> Machine:
        """Return this machine under another name, which becomes its title too.

        Raises ConfigError for anything but lower-case letters, digits, dots and hyphens.
        """
        if not isinstance(name, str) or not re.fullmatch(_NAME, name):
            reason = "must be lower-case letters, digits, dots and hyphens"
            raise ConfigError.of("rename", reason, got=describe(name))
        return self.model_copy(update={"name": name, "title": name})

    def restored(self, key: str) -> Machine:
        """Return this machine with a changed number set back to the value in its file.

        Raises KeyError for a number that was not changed.
        """
        restored = cast(Machine, replaced(self, key, self._before[key]))
        restored._before = {name: old for name, old in self._before.items() if name != key}
        return restored

    def with_value(self, key: str, value: object, *, origin: str = "override") -> Machine:
        """Return this machine with one number changed, such as ``tlbi.range`` to True.

        The interval of the parameter is widened where the value lies outside it. The value must
        have the parameter's type and lie within its physical bounds. Raises ConfigError for an
        unknown key or a wrong value; ``origin`` is what messages call its place.
        """
        return self.with_values({key: value}, origin=origin)

    def with_values(self, values: Mapping[str, object], *, origin: str = "override") -> Machine:
        """Return this machine with several numbers changed at once, by dotted key.

        Numbers that contradict each other raise ConfigError too; otherwise it is
        :meth:`with_value`.
        """
        known = leaves_by_key(Machine, self.isa)
        changed = self.model_copy()
        new = (key for key in values if key in known and key not in self._before)
        changed._before = self._before | {key: value_at(self, key) for key in new}
        faults: list[Fault] = []
        for key, value in values.items():
            name = f"{self.name}.{key}"
            if key in RETIRED:
                warn_retired(key, origin)
                continue
            if key not in known:
                reason = unknown_number(key, self.isa)
                faults.append(Fault(origin, key=name, reason=reason, got=describe(value)))
                continue
            try:
                parameter = _revalued(known[key], value_at(self, key), value)
            except ValidationError as error:
                faults += _override_faults(error, origin, name)
            else:
                changed = cast(Machine, replaced(changed, key, parameter))
        faults = faults or list(changed._contradictions(origin))
        if faults:
            raise ConfigError(faults)
        return changed

    def without_fixed_part(self) -> Machine:
        """Return this machine with ``kernel.fork_fixed_us`` 0, so that page tables dominate a fork.

        The flush of the address space and further VMAs still take their time.
        """
        return self.with_value("kernel.fork_fixed_us", 0.0)

    def without_mitigations(self) -> Machine:
        """Return this machine with a kernel that was booted with ``mitigations=off``.

        The numbers that this changes count as changed for this run.
        """
        off = self.model_copy(update={"mitigations": Mitigations()})
        keys = (f"mitigations.{name}" for name, _ in off.mitigations)
        new = {key: value_at(self, key) for key in keys if key not in self._before}
        off._before = self._before | {
            key: old for key, old in new.items() if old.value != value_at(off, key).value
        }
        return off

    @property
    def has_mitigations_off(self) -> bool:
        """Whether :meth:`without_mitigations` made this machine, and changed something."""
        changed = any(key.startswith("mitigations.") for key in self._before)
        return changed and self.mitigations == Mitigations()

    def _contradictions(self, origin: str) -> Iterator[Fault]:
        """Yield the contradictions between numbers, because a copied model is not validated."""
        groups: list[tuple[str, Group]] = [("", self)]
        groups += [(f"{key}.", value_at(self, key)) for key, _ in branches(Machine)]
        for prefix, group in groups:
            for at, reason, got in group.problems():
                key = f"{self.name}.{prefix}{key_text(at[:-1])}"
                yield Fault(origin, key=key, reason=reason, got=describe(got))


def unknown_number(key: str, isa: Isa, more: Iterable[str] = ()) -> str:
    """Return why a key names no number of a machine with instruction set ``isa``.

    It is a number of the other instruction set, or unknown. ``more`` are further keys to suggest.

    >>> unknown_number("tlbi.issue_ns", "x86_64")
    'is not used on x86_64: arm64 only'
    """
    other: Isa = "arm64" if isa == "x86_64" else "x86_64"
    if key in leaves_by_key(Machine, other):
        return f"is not used on {isa}: {other} only"
    return unknown("key", key, [*more, *leaves_by_key(Machine, isa)])


@lru_cache(maxsize=64)
def _loaded(path: Path, content: bytes) -> Machine:
    """Return the machine of a file, remembered by content because a parse takes some 100 ms."""
    document = parse_document(decoded(content, str(path)), str(path))
    return validated(Machine, without_retired(document))


def load_machine(reference: str, *, origin: str = "--machine") -> Machine:
    """Return the machine that a name or a path means.

    Arguments are those of :func:`costmodel.config.resources.find_file`. Raises ConfigError for an
    unknown name and with every fault of the file.
    """
    return Machine.load(find_file("machines", reference, origin=origin))


def _isa_problems(group: Group, isa: Isa | None) -> Iterator[Problem]:
    """Yield a problem for each parameter that is missing on ``isa``, or has no use there."""
    for name, info in type(group).model_fields.items():
        only = next((mark for mark in info.metadata if isinstance(mark, Only)), None)
        if only is None or isa is None:
            continue
        given = name in group.model_fields_set
        if only.isa == isa and not given and not only.optional:
            yield (name,), f"missing key, {isa} has it", None
        if only.isa != isa and given:
            yield (name,), f"is not used on {isa}: leave it out", None


def _revalued(leaf: Leaf, old: ParameterLike, value: object) -> ParameterLike:
    """Return a parameter with another value, and with its interval widened to contain it."""
    data: dict[str, Any] = {"value": value, "kind": old.kind, "source": SET_BY_USER}
    if isinstance(old, Parameter):
        # First alone, so that a value of the wrong type is reported once and never compared.
        value = type(old).model_validate({**data, "low": value, "high": value}).value
        data |= {"low": min(old.low, value), "high": max(old.high, value)}
    new = type(old).model_validate(data)
    if leaf.bounds is not None and isinstance(new, Parameter):
        raise_problems(leaf.key, leaf.bounds.problems(new))
    return new


def _override_faults(error: ValidationError, origin: str, key: str) -> Iterator[Fault]:
    """Yield each fault once: value, low and high of an override are the same number."""
    faults = faults_of(error, Parameter, Document(origin))
    for reason, got in dict.fromkeys((fault.reason, fault.got) for fault in faults):
        yield Fault(origin, key=key, reason=reason, got=got)
