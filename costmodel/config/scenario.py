"""A scenario file: which machines, workloads and strategies to put beside each other."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from costmodel.config.document import Document, read_document
from costmodel.config.errors import unknown
from costmodel.config.resources import find, is_path, names
from costmodel.config.schema import STRICT, check, no_repeats, problem, validate
from costmodel.config.workload import (
    Frames,
    Layout,
    MemoryBytes,
    OperationName,
    Workload,
    state_problems,
    states_of,
)


def _as_list(value: object) -> object:
    """Accept a single item where a list may stand."""
    return value if isinstance(value, list | tuple) or value is None else [value]


def _known_machine(name: str, info: ValidationInfo) -> str:
    """Check a machine name; a relative path counts from the directory of the scenario."""
    base = (info.context or {}).get("base")
    if is_path(name):
        return str(find("machines", name, base=base))
    known = names("machines")
    if name not in known:
        raise problem(unknown("machine", name, known))
    return name


def _known_strategy(name: str, info: ValidationInfo) -> str:
    """Check a strategy name, if the names are known here.

    ``file.py:function`` is the user's, ``@NAME`` an archive of a recorded build.
    """
    known = (info.context or {}).get("strategies")
    source = name.partition("@")[0]  # a name with its build: v6.7@gcc13
    elsewhere = ":" in name or name.startswith("@")
    if known is not None and not {name, source} & set(known) and not elsewhere:
        raise problem(unknown("strategy", name, known))
    return name


def _distinct(items: tuple[Any, ...]) -> tuple[Any, ...]:
    """Refuse an item that stands in the list twice."""
    check("list", no_repeats(items))
    return items


def _scalar(value: object) -> object:
    """Refuse lists and mappings: an override sets one number, name or flag."""
    if not isinstance(value, bool | int | float | str):
        raise problem("must be a number, a name, true or false")
    return value


_List = (BeforeValidator(_as_list), Field(strict=False, min_length=1), AfterValidator(_distinct))
MachineName = Annotated[str, AfterValidator(_known_machine)]
StrategyName = Annotated[str, AfterValidator(_known_strategy)]
Override = Annotated[Any, AfterValidator(_scalar)]


class Protocol(BaseModel):
    """How often a measurement is repeated."""

    model_config = STRICT

    runs: Annotated[int, Field(ge=1, le=10_000)] = 8
    """Independent runs: the unit of the statistics."""
    iterations: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    """Operations timed in each run."""
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 1
    """Of every random stream."""


class Scenario(BaseModel):
    """Machines x folio layouts x strategies, against a baseline."""

    model_config = STRICT

    title: Annotated[str, Field(min_length=1)]
    """One line for the top of the tables."""
    operation: OperationName
    """What the kernel does: fork or zap."""
    memory: MemoryBytes
    """Size of the mapping, such as 1 GiB."""
    state: str | None = None
    """How the operation finds the PTEs; default: writable for fork, exit for zap."""
    machines: Annotated[tuple[MachineName, ...], *_List]
    """Names of shipped machines, or paths of machine files (relative to this file)."""
    folio_orders: Annotated[tuple[Layout, ...], *_List]
    """Each an order (0, 2 to 9) or a mix such as {0: 50%, 4: 50%}: one column of the table."""
    frames: Frames = "contiguous"
    """How the folios lie in physical memory."""
    contpte: bool | None = None
    """Only strategies whose kernels use the contiguous bit, or only others; left out: all."""
    cpus: Annotated[int, Field(ge=1, le=4096)] = 1
    """CPUs that do the same at the same time, each on its own address space."""
    baseline: StrategyName
    """The strategy that the others are compared with."""
    strategies: Annotated[tuple[StrategyName, ...], *_List] | None = None
    """Strategies to compare; left out: all that fit the operation and the machine."""
    protocol: Protocol = Protocol()
    """Repetitions and seed."""
    overrides: dict[str, Override] = {}
    """Numbers that differ from the machine files, such as ampere-altra.tlbi.range: true."""

    @field_validator("state")
    @classmethod
    def _state_fits_operation(cls, state: str | None, info: ValidationInfo) -> str | None:
        operation = info.data.get("operation")
        for _, reason, _ in state_problems(operation, state) if operation else ():
            raise problem(reason)
        return state

    @model_validator(mode="after")
    def _state_by_operation(self) -> Scenario:
        if self.state is None:
            # The model is frozen; this fills in a default that depends on another field.
            object.__setattr__(self, "state", states_of(self.operation)[0])
        return self

    @property
    def workloads(self) -> tuple[Workload, ...]:
        """One workload per folio layout, in the order of the file."""
        return tuple(
            Workload(
                operation=self.operation,
                memory_bytes=self.memory,
                folio_orders=layout,
                frames=self.frames,
                state=self.state or states_of(self.operation)[0],
                contpte=self.contpte,
                cpus=self.cpus,
            )
            for layout in self.folio_orders
        )

    def replace(
        self,
        changes: Mapping[str, object],
        *,
        origin: str = "override",
        strategies: Collection[str] | None = None,
    ) -> Scenario:
        """Return this scenario with keys changed, checked as a file is; ``protocol.runs`` works.

        Raises ConfigError with ``origin`` (such as ``--order``) as the place.
        """
        data: dict[str, Any] = self.model_dump()
        for key, value in changes.items():
            *outer, last = key.split(".")
            target = data
            for name in outer:
                target = target.setdefault(name, {})
            target[last] = value
        document = Document(origin, data)
        return _validated(document, base=None, strategies=strategies)


def load_scenario(
    reference: str, *, origin: str = "SCENARIO", strategies: Collection[str] | None = None
) -> Scenario:
    """Return the scenario that a name (``lkml-fork``) or a path means.

    ``strategies`` are the names that exist; without them strategy names are not checked. Raises
    ConfigError with every fault of the file.
    """
    path = find("scenarios", reference, origin=origin)
    return _validated(read_document(path), base=path.parent, strategies=strategies)


def _validated(
    document: Document, *, base: Path | None, strategies: Iterable[str] | None
) -> Scenario:
    known = None if strategies is None else sorted(strategies)
    return validate(Scenario, document, {"base": base, "strategies": known})
