"""Predicts operations that were measured."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from costmodel.api import cell
from costmodel.config.errors import ConfigError, Faults
from costmodel.config.machine import Machine
from costmodel.experiment import Cell, exact_seconds
from costmodel.experiment.builds import in_the, is_named, own_builds
from costmodel.measure.operations import Measured
from costmodel.operations.registry import operation_named, operation_names
from costmodel.strategies.catalogue import built_in
from costmodel.strategies.likeness import TELLING, BuildFacts, likest_build
from costmodel.strategies.resolve import operations_of

NOTHING_NAMED: Final[Mapping[str, str]] = MappingProxyType({})

_CONTPTE_SINCE = (6, 9)
_IN_THE_MODEL = {
    "fork writable": ("fork", "writable"),
    "fork read-only": ("fork", "read-only"),
    "exit after writable": ("zap", "exit"),
    "exit after read-only": ("zap", "exit"),
    "munmap": ("zap", "munmap"),
    "dontneed": ("zap", "dontneed"),
    "mprotect to-read-only": ("mprotect", "to-read-only"),
    "mprotect to-writable": ("mprotect", "to-writable"),
}
"""Operations as the model calls them: operation and state."""


@dataclass(frozen=True)
class Compared:
    """A measured operation beside its prediction; None where the model has no such operation."""

    measured: Measured
    strategy: str | None
    predicted_ns: float | None
    why_not: str = ""
    """Why nothing could be predicted with the strategy that was named."""
    build: str | None = None
    """The build that it was predicted in; None for a strategy that is one build by itself."""
    why_build: str = ""
    """Why that build was taken."""

    @property
    def ratio(self) -> float | None:
        """Predicted over the least measured."""
        return None if self.predicted_ns is None else self.predicted_ns / self.measured.least_ns


@dataclass(frozen=True)
class RunningKernel:
    """The kernel that was measured: its release, and how it was built as far as that is known."""

    release: str
    built: BuildFacts = field(default_factory=BuildFacts)
    guessed: bool = False
    """Whether its configuration could not be read, and its symbols say that it has PARAVIRT_XXL."""


def running_kernel(
    release: str, options: Iterable[str] | None, compiler: str, functions: Iterable[str]
) -> RunningKernel:
    """Return the kernel of which this is known; the arguments are described by
    :class:`costmodel.measure.system.System`.
    """
    if options is not None:
        return RunningKernel(release, BuildFacts(frozenset(options), compiler))
    if "pte_val" in functions:
        return RunningKernel(release, BuildFacts(frozenset({TELLING[0]})), guessed=True)
    return RunningKernel(release)


def strategies_named(references: Iterable[str]) -> dict[str, str]:
    """Return strategies by operation, from references to built-in strategies, archives and files.

    A name that strategies of several operations have stands for all of them. Raises ConfigError for
    an unknown name, and for two strategies of one operation.
    """
    found: dict[str, str] = {}
    faults = Faults()
    for reference in references:
        with faults.collected():
            for operation in operations_of(reference, origin="--strategy"):
                if operation in found:
                    reason = f"names {operation} twice: {found[operation]} and {reference}"
                    raise ConfigError.of("--strategy", reason)
                found[operation] = reference
    faults.tell()
    return found


def call_ns(machine: Machine) -> float:
    """Return the time of a call with its return, in nanoseconds, when nothing overlaps with it."""
    core, mitigations = machine.core, machine.mitigations
    rate = core.taken_branches_per_cycle
    if core.branch_targets.value:  # both targets are in the first level
        rate = core.small_loop_taken_branches_per_cycle
    each = max(core.call_return_cycles.value, 1 / rate.value)
    cycles = 2 * each + mitigations.return_cycles.value
    if mitigations.returns_mispredict.value:
        cycles += core.mispredict_penalty_cycles.value
    return float(cycles / core.clock_ghz.value)


def compared(
    measured: Sequence[Measured],
    machine: Machine,
    kernel: RunningKernel,
    named: Mapping[str, str] = NOTHING_NAMED,
) -> list[Compared]:
    """Return every measured operation beside its prediction for ``machine`` running ``kernel``.

    ``named``: strategies to predict with, by operation; otherwise the strategy that stands for the
    kernel. Forks are predicted without their fixed part, because it was subtracted from the
    measured ones, too.
    """
    without = machine.without_fixed_part()
    return [_ask(one, without, kernel, named)[0] for one in measured]


def cells_of(
    measured: Sequence[Measured],
    machine: Machine,
    kernel: RunningKernel,
    named: Mapping[str, str] = NOTHING_NAMED,
) -> list[Cell | None]:
    """Return the cell that predicts each operation; None for operations that the model lacks."""
    without = machine.without_fixed_part()
    return [_ask(one, without, kernel, named)[1] for one in measured]


def _ask(
    one: Measured, machine: Machine, kernel: RunningKernel, named: Mapping[str, str]
) -> tuple[Compared, Cell | None]:
    strategy = _strategy(one.operation, machine, kernel.release, named)
    if strategy is None:
        return Compared(one, None, None), None
    try:
        asked, why = _as_built(_cell(one, machine, strategy), kernel)
        row = Compared(one, strategy, 1e9 * exact_seconds(asked))
        return replace(row, build=asked.build, why_build=why), asked
    except ConfigError as error:
        if strategy not in named.values():
            raise
        return Compared(one, strategy, None, error.faults[0].reason), None


def _cell(one: Measured, machine: Machine, strategy: str) -> Cell:
    operation, state = _IN_THE_MODEL[one.operation]
    asked = cell(
        machine,
        strategy,
        order=one.order,
        operation=operation,
        state=state,
        memory=f"{one.memory_bytes} B",
        frames=one.frames,
    )
    lies = {"frames_over": one.frames_over_bytes}
    return replace(asked, workload=asked.workload.model_copy(update=lies))


def _as_built(asked: Cell, kernel: RunningKernel) -> tuple[Cell, str]:
    """Return the cell in the build that is most like the kernel, and why it is that one.

    A cell whose strategy names a build stays as it is.
    """
    if is_named(asked):
        return asked, ""
    likest = likest_build(kernel.built, own_builds(asked), asked.machine.isa)
    if likest is None:
        return asked, ""
    guess = "its configuration cannot be read, its symbols say: " if kernel.guessed else ""
    return in_the(likest.name, asked), guess + likest.why


def _strategy(
    operation: str, machine: Machine, kernel: str, named: Mapping[str, str]
) -> str | None:
    """Return the strategy that was named for the operation, or else the one of the kernel: that of
    the newest version that is not newer than the kernel.
    """
    if operation not in _IN_THE_MODEL:
        return None
    name, state = _IN_THE_MODEL[operation]
    if name not in operation_names():
        return None
    if state not in {known.name for known in operation_named(name).words.states}:
        return None
    if name in named:
        return named[name]
    running = _version(kernel) or (99, 0)
    contpte = machine.isa == "arm64" and running >= _CONTPTE_SINCE
    best: tuple[tuple[int, int], str] | None = None
    for strategy in built_in(name).values():
        version = _version(strategy.name)
        isas = set(strategy.programs)
        fits = version and version <= running and machine.isa in isas
        if fits and strategy.contpte == contpte and version and (not best or version > best[0]):
            best = (version, strategy.name)
    return best[1] if best else None


def _version(text: str) -> tuple[int, int] | None:
    """Return the kernel version that a name ends with or a release begins with."""
    found = re.match(r"(\d+)\.(\d+)", text) or re.search(r"v(\d+)\.(\d+)$", text)
    return (int(found[1]), int(found[2])) if found else None
