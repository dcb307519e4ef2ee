"""Scenario files: which machines, workloads and strategies are compared.

The docstrings of the fields are the text of docs/scenario-file.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from costmodel.config.crowd import CrowdWays, SeveralCounts
from costmodel.config.document import Document, Location, Place, key_text, read_document
from costmodel.config.errors import ConfigError, Fault, describe, unknown
from costmodel.config.frames import Frames
from costmodel.config.parts import joined_parts
from costmodel.config.resources import find_file, is_path, names, unknown_name
from costmodel.config.schema import STRICT, Title, no_repeats, problem, raise_problems, validated
from costmodel.config.workload import (
    Holes,
    Layout,
    MappedBy,
    MemoryBytes,
    OperationName,
    VmaCount,
    Workload,
    frames_of,
    pmd_problems,
    present_bytes,
    span_problems,
    state_problems,
    states_of,
    vma_problems,
)
from costmodel.operations.registry import DEFAULT, operation_named, operation_names


def _as_list(value: object) -> object:
    """Return a single item as a list; a list and None are returned as they are."""
    return value if isinstance(value, list | tuple) or value is None else [value]


def _known_machine(name: str, info: ValidationInfo) -> str:
    """Return the name or path of a machine; raise a problem for a name that is not shipped.

    A relative path is taken from the directory of the scenario.
    """
    base = (info.context or {}).get("base")
    if is_path(name):
        found = str(find_file("machines", name, base=base))
        # ``./mine`` is a path whatever lies there; as ``mine`` it would be a name.
        return found if is_path(found) else f"./{found}"
    if name not in names("machines"):
        raise problem(unknown_name("machines", name))
    return name


def _known_strategy(name: str, info: ValidationInfo) -> str:
    """Return the name of a strategy; raise a problem for an unknown one, if names are given.

    ``file.py:function`` (the user's) and ``@NAME`` (an archive of a recorded build) are checked
    later.
    """
    known = (info.context or {}).get("strategies")
    if isinstance(known, Mapping):
        known = known.get(info.data.get("operation", ""))
    if ":" in name:
        return name
    if name.endswith(".py"):
        raise problem(f"must name the function, too: {name}:FUNCTION")
    if name.endswith(".ckb") and not name.startswith("@"):
        raise problem(f"an archive goes by @ and its name: @{name.removesuffix('.ckb')}")
    source = name.partition("@")[0]  # a name with its build: v6.7@gcc13
    recorded = name.startswith("@")
    if known is not None and not {name, source} & set(known) and not recorded:
        raise problem(unknown("strategy", name, known))
    return name


def _distinct(items: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the items of a list; raise a problem for one that occurs twice."""
    raise_problems("list", no_repeats(map(_said, items)))
    return items


def _said(item: Any) -> Any:
    """Return a layout of one order as it is written: the order."""
    return next(iter(item)) if isinstance(item, dict) and len(item) == 1 else item


def _scalar(value: object) -> object:
    """Return a number, name or flag, which an override can set; raise a problem otherwise."""
    if not isinstance(value, bool | int | float | str):
        raise problem("must be a number, a name, true or false")
    return value


_List = (BeforeValidator(_as_list), Field(strict=False, min_length=1), AfterValidator(_distinct))
Mitigation = Literal["auto", "off"]
MachineName = Annotated[str, AfterValidator(_known_machine)]
StrategyName = Annotated[str, AfterValidator(_known_strategy)]
Override = Annotated[Any, AfterValidator(_scalar)]
Names = Collection[str] | Mapping[str, Collection[str]]
"""Names of strategies: one collection for all operations, or one for each operation by name."""


class Protocol(BaseModel):
    """How often the simulated measurement is repeated, and its seed."""

    model_config = STRICT

    runs: Annotated[int, Field(ge=1, le=10_000)] = 8
    """Number of independent runs, the unit of the statistics."""
    iterations: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    """Number of operations that are timed in each run."""
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 1
    """Seed of all random streams."""


class Question(BaseModel):
    """What is done to which memory, on which machines."""

    model_config = STRICT

    title: Title
    """One line for the top of the tables."""
    operation: OperationName
    """What the kernel does: fork, zap, mprotect, mremap or spawn."""
    memory: MemoryBytes
    """Size of the mapping, such as 1 GiB."""
    state: str | None = None
    """How the operation finds the PTEs; default: writable for fork, exit for zap."""
    machines: Annotated[tuple[MachineName, ...], *_List]
    """Names of shipped machines, or paths of machine files (relative to this file)."""
    folio_orders: Annotated[tuple[Layout, ...], *_List]
    """Folio orders: a list whose items are an order (0, 2 to 9) or a mix such as
    {0: 50%, 4: 50%}, each one column of the table."""
    frames: Frames | None = None
    """How the folios lie in physical memory: contiguous (default for fork), aligned, scattered
    (default for zap), or {scattered: 30%, run: 64 KiB}: such a part of the memory is scattered, the
    rest lies in runs of this size."""
    frames_over: MemoryBytes | None = None
    """Size of the physical memory that scattered folios lie in, such as 16 GiB; default: as
    large as what is present."""
    mapped: MappedBy = "pte"
    """What maps folios of order 9: pte (a table of entries), or pmd (one entry for each, as THP is
    mapped)."""
    holes: Holes = 0.0
    """Share of the mapping that was never touched, such as 75%: the entries behind the folios of
    each page table are empty. A table without a folio does not exist."""
    vmas: VmaCount | None = None
    """Number of the process's mappings, for fork and spawn; default: about 20, as a small program
    has."""
    contpte: bool | None = None
    """true: only strategies whose kernels use the contiguous bit; false: only the others; left out:
    all."""

    @field_validator("state", mode="before")
    @classmethod
    def _state_in_parts(cls, state: object) -> object:
        return joined_parts(state)

    @field_validator("state")
    @classmethod
    def _state_fits_operation(cls, state: str | None, info: ValidationInfo) -> str | None:
        operation = info.data.get("operation")
        for _, reason, _ in state_problems(operation, state) if operation else ():
            raise problem(reason)
        return state


class Scenario(CrowdWays, SeveralCounts, Question):
    """Machines x folio layouts x numbers of CPUs x strategies, against a baseline."""

    mitigations: Mitigation = "auto"
    """auto: what a stock kernel of 2024 does on each machine against speculation; off: nothing."""
    baseline: StrategyName
    """The strategy that the others are compared with."""
    strategies: Annotated[tuple[StrategyName, ...], *_List] | None = None
    """Strategies to compare; left out: all that fit the operation and the machine."""
    build: Annotated[str, Field(min_length=1)] | None = None
    """The kernel build that all strategies are priced in, such as gcc13-distro; left out: for each
    strategy the build with the median change."""
    protocol: Protocol = Protocol()
    """Number of repetitions, and the seed."""
    overrides: dict[str, Override] = {}
    """Numbers that differ from the machine files, such as ampere-altra.tlbi.range: true."""

    _source: Document = PrivateAttr(default_factory=lambda: Document(""))
    """The document of the scenario, which knows the place of each key: in a file or an option."""

    @model_validator(mode="after")
    def _defaults_by_operation(self) -> Scenario:
        # The model is frozen; this fills in defaults that depend on another field.
        if self.state is None:
            object.__setattr__(self, "state", states_of(self.operation)[0])
        if self.frames is None:
            object.__setattr__(self, "frames", frames_of(self.operation))
        assert self.frames is not None
        there = present_bytes(self.memory, self.holes)
        raise_problems("scenario", span_problems(there, self.frames, self.frames_over))
        raise_problems("scenario", vma_problems(self.operation, self.vmas))
        raise_problems("scenario", pmd_problems(self.operation, self.mapped, self.state))
        return self

    @property
    def workloads(self) -> tuple[Workload, ...]:
        """One workload per folio layout and number of CPUs, in the order of the file."""
        return tuple(
            Workload(
                operation=self.operation,
                memory_bytes=self.memory,
                folio_orders=layout,
                frames=self.frames or frames_of(self.operation),
                frames_over=self.frames_over,
                mapped=self.mapped,
                holes=self.holes,
                vmas=self.vmas,
                state=self.state or states_of(self.operation)[0],
                contpte=self.contpte,
                cpus=cpus,
                threads=threads,
                **{key: getattr(self, key) for key in CrowdWays.model_fields},
            )
            for layout in self.folio_orders
            for cpus in self.cpus
            for threads in self.threads
        )

    def replace(
        self,
        changes: Mapping[str, object],
        *,
        origin: str | Mapping[str, Place] = "override",
        strategies: Names | None = None,
    ) -> Scenario:
        """Return this scenario with keys changed, and validated as a file is.

        ``changes`` maps keys, dotted ones such as ``protocol.runs`` too, to their new values. All
        of them are checked together. Defaults that depend on the operation follow a change of it.
        ``origin`` says where the changes come from: one name such as ``--order``, or a place for
        each key. ``strategies`` is that of :func:`load_scenario`. Raises ConfigError with every
        fault.
        """
        data: dict[str, Any] = self.model_dump(exclude_unset=True)
        for key, value in changes.items():
            *outer, last = key.split(".")
            target = data
            for name in outer:
                target = target.setdefault(name, {})
            target[last] = value
        places = dict.fromkeys(changes, Place(file=origin)) if isinstance(origin, str) else origin
        document = self._source.changed(data, places)
        return scenario_of(document, base=None, strategies=strategies)

    def fault(self, at: Location, reason: str, got: str = "", *, key: str = "") -> Fault:
        """Return a fault of the value at a location, for instance ``("overrides", "cpus")``.

        ``got`` is the offending value, ready to print. ``key`` is what the message calls the key,
        by default the dotted one.
        """
        found = self._source.fault(at, reason, got)
        place = found.file or key_text(at[:1])
        return Fault(place, found.line, found.col, key or found.key, reason, got)


def load_scenario(
    reference: str, *, origin: str = "SCENARIO", strategies: Names | None = None
) -> Scenario:
    """Return the scenario that a name (``lkml-fork``) or a path means.

    ``strategies`` are the names that exist, for all operations or by operation; without them names
    of strategies are not checked. Raises ConfigError for an unknown name, a file that cannot be
    read, and every fault of the file. ``origin`` is what messages call the place of the reference.
    """
    if not isinstance(reference, str):
        raise ConfigError.of(origin, "must be a name or a path", got=describe(reference))
    path = find_file("scenarios", reference, origin=origin)
    return scenario_of(read_document(path), base=path.parent, strategies=strategies)


def salvaged_scenario(
    reference: str, faults: Iterable[Fault], *, strategies: Names | None = None
) -> Scenario | None:
    """Return what the file of a scenario says in the keys that ``faults`` are not about.

    It serves to check the rest of a question, too: keys that are needed have their defaults. None
    where nothing can be made of the file. ``strategies`` is that of :func:`load_scenario`.
    """
    wrong = {fault.key.partition(".")[0].partition("[")[0] for fault in faults}
    with suppress(ConfigError):
        path = find_file("scenarios", reference)
        document = read_document(path)
        right = {k: v for k, v in document.data.items() if k not in wrong}
        default = default_scenario(right.get("operation", DEFAULT))
        data = default.model_dump(exclude_unset=True) | right
        rest = Document(document.file, data, document.keys, document.values)
        return scenario_of(rest, base=path.parent, strategies=strategies)
    return None


def default_scenario(operation: str = DEFAULT) -> Scenario:
    """Return the question that commands and functions ask where nothing else is said.

    It is about 1 GiB in folios of order 0 on the Ampere Altra, all strategies against the first one
    of the operation. Raises ConfigError for an unknown operation.
    """
    if not isinstance(operation, str) or operation not in operation_names():
        reason = unknown("operation", operation, operation_names())
        raise ConfigError.of("operation", reason, got=describe(operation))
    return Scenario.model_validate(
        {
            "title": "a quick question",
            "operation": operation,
            "memory": "1 GiB",
            "machines": ["ampere-altra"],
            "folio_orders": [0],
            "baseline": operation_named(operation).strategies()[0].name,
        }
    )


def scenario_of(
    document: Document, *, base: Path | None, strategies: Names | None = None
) -> Scenario:
    """Return the scenario that a document holds; relative paths are taken from ``base``.

    ``strategies`` is that of :func:`load_scenario`. Raises ConfigError with every fault.
    """
    scenario = validated(Scenario, document, {"base": base, "strategies": strategies})
    scenario._source = document
    return scenario
