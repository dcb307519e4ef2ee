"""Turns a scenario into cells: decides which strategies run on which machine, and which do not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from costmodel.config.document import Location
from costmodel.config.errors import ConfigError, Fault, describe, unknown
from costmodel.config.machine import Machine
from costmodel.config.scenario import Scenario
from costmodel.config.workload import Workload
from costmodel.experiment import Cell, LeftOut
from costmodel.operations.registry import operation_names
from costmodel.operations.shared.strategy import Strategy
from costmodel.published import loop_names
from costmodel.strategies.builds import builds_on, known_builds, not_recorded
from costmodel.strategies.catalogue import built_in
from costmodel.strategies.resolve import resolve

_ORIGIN = "strategy"
"""Place of a fault in a reference itself, until it is replaced by its place in the scenario."""


@dataclass(frozen=True)
class CellPlan:
    """The cells of a scenario, ordered by machine, then workload, then strategy, baseline first."""

    cells: tuple[Cell, ...]
    left_out: tuple[LeftOut, ...]


def plan(scenario: Scenario, machines: Mapping[str, Machine]) -> CellPlan:
    """Return the cells of ``scenario`` on ``machines`` (by name).

    A strategy that fits some of the machines is left out on the others, with the reason. Raises
    ConfigError for a named strategy that fits none of them, a baseline that does not fit all, an
    unknown strategy, build or loop, and more CPUs than a machine has.
    """
    if scenario.mitigations == "off":
        machines = {name: machine.without_mitigations() for name, machine in machines.items()}
    faults = plan_faults(scenario, machines)
    if faults:
        raise ConfigError(faults)
    chosen = _compared(scenario)
    cells: list[Cell] = []
    left_out: list[LeftOut] = []
    for machine in machines.values():
        fitting = [name for name in chosen if not _misfit(name, scenario, machine)]
        left_out += _left_out(chosen, scenario, machine)
        cells += [
            Cell(machine, workload, name, scenario.protocol, _build(name, scenario))
            for workload in scenario.workloads
            for name in fitting
        ]
    return CellPlan(tuple(cells), tuple(left_out))


def plan_faults(
    scenario: Scenario, machines: Mapping[str, Machine], *, is_whole: bool = True
) -> list[Fault]:
    """Return the faults for which :func:`plan` would raise ConfigError.

    Where the question is not whole, because something in it is wrong already, those of strategies
    that do not fit into it are left out.
    """
    chosen = _compared(scenario)
    faults = [
        *_too_many_cpus(scenario, machines.values()),
        *_unknown_build(scenario),
        *_unknown_loop(scenario),
        *_unresolved(scenario, chosen),
    ]
    if faults or not is_whole:
        return faults
    return list(_misfits(scenario, chosen, tuple(machines.values())))


def _compared(scenario: Scenario) -> list[str]:
    """Return the strategies of a scenario, the baseline first."""
    return [scenario.baseline, *(s for s in _chosen(scenario) if s != scenario.baseline)]


def _chosen(scenario: Scenario) -> Sequence[str]:
    """Return the strategies that were named, or else all built-in ones of the operation."""
    if scenario.strategies is not None:
        return scenario.strategies
    return list(built_in(scenario.operation))


def _misfits(
    scenario: Scenario, chosen: Sequence[str], machines: Sequence[Machine]
) -> Iterator[Fault]:
    for name in chosen:
        reasons = [why for machine in machines if (why := _misfit(name, scenario, machine))]
        needed = name == scenario.baseline
        named = needed or scenario.strategies is not None
        if (named and len(reasons) == len(machines)) or (needed and reasons):
            where = ", ".join(
                machine.name for machine in machines if _misfit(name, scenario, machine)
            )
            reason = f"cannot be priced on {where}: {reasons[0]}"
            yield scenario.fault(_at(scenario, name), reason, key=name)


def _too_many_cpus(scenario: Scenario, machines: Iterable[Machine]) -> Iterator[Fault]:
    for machine in machines:
        online = machine.tlbi.cpus_online.value
        most_cpus, most_threads = max(scenario.cpus), max(scenario.threads)
        wanted = most_cpus * most_threads
        if wanted <= online:
            continue
        reason = f"must be at most {online}, the CPUs of {machine.name} (tlbi.cpus_online)"
        if most_cpus > 1 and most_threads > 1:
            reason = f"cpus x threads {reason}"
        key = "threads" if most_threads > 1 else "cpus"
        yield scenario.fault((key,), reason, describe(wanted))


def _unknown_build(scenario: Scenario) -> Iterator[Fault]:
    if scenario.build is not None and scenario.build not in known_builds():
        reason = unknown("build", scenario.build, known_builds())
        yield scenario.fault(("build",), reason, describe(scenario.build))


def _unknown_loop(scenario: Scenario) -> Iterator[Fault]:
    if scenario.loop is not None and scenario.loop not in loop_names():
        reason = unknown("loop", scenario.loop, loop_names())
        yield scenario.fault(("loop",), reason, describe(scenario.loop))


def _build(name: str, scenario: Scenario) -> str:
    """Return the build that was asked for; empty for an archive, which is a build itself."""
    strategy = resolve(name, operation=scenario.operation)
    return "" if strategy.archive is not None else scenario.build or ""


def _unresolved(scenario: Scenario, chosen: Sequence[str]) -> Iterator[Fault]:
    """Yield why a name means no strategy, at the place where the scenario has it."""
    for name in chosen:
        try:
            if not _is_elsewhere(name, scenario):
                resolve(name, operation=scenario.operation, origin=_ORIGIN)
        except ConfigError as error:
            for fault in error.faults:
                if fault.file != _ORIGIN:
                    yield fault
                    continue
                at = _at(scenario, name)
                yield scenario.fault(at, fault.reason, fault.got, key=fault.key)


def _at(scenario: Scenario, name: str) -> Location:
    """Return where a scenario names a strategy."""
    if name == scenario.baseline:
        return ("baseline",)
    named = scenario.strategies or ()
    return ("strategies", named.index(name)) if name in named else ("strategies",)


def _is_elsewhere(name: str, scenario: Scenario) -> bool:
    """Tell whether a name is that of a strategy of another operation only."""
    if name in built_in(scenario.operation):
        return False
    return any(name in built_in(operation) for operation in operation_names())


def _left_out(chosen: Sequence[str], scenario: Scenario, machine: Machine) -> Iterator[LeftOut]:
    reasons: dict[str, list[str]] = {}
    for name in chosen:
        why = _misfit(name, scenario, machine)
        if why:
            reasons.setdefault(why, []).append(name)
    for why, names in reasons.items():
        yield LeftOut(machine.name, tuple(names), why)


def _misfit(name: str, scenario: Scenario, machine: Machine) -> str:
    """Return why a strategy cannot run here; empty if it can."""
    if _is_elsewhere(name, scenario):
        return f"not a strategy for {scenario.operation}"
    strategy = resolve(name, operation=scenario.operation)
    if machine.isa not in strategy.programs:
        return f"{' and '.join(sorted(strategy.programs))} only"
    if scenario.contpte is not None and scenario.contpte != strategy.contpte:
        verb = "uses" if strategy.contpte else "does not use"
        wanted = "true" if scenario.contpte else "false"
        return f"its kernel {verb} the contiguous bit (contpte: {wanted})"
    reasons = (_lacks_build(strategy, scenario, on, machine.isa) for on in scenario.workloads)
    return next(filter(None, reasons), "")


def _lacks_build(strategy: Strategy, scenario: Scenario, workload: Workload, isa: str) -> str:
    """Return why no build of a strategy can be priced beside the baseline; empty if one can."""
    baseline = resolve(scenario.baseline, operation=scenario.operation)
    if why := not_recorded(strategy, workload, isa, build=scenario.build or ""):
        return why
    if strategy.is_build and baseline.is_build:
        return ""  # somebody named two builds, and compares builds
    if strategy.archive is not None or baseline.archive is not None:
        return ""
    ours, theirs = (builds_on(one, workload, isa) for one in (strategy, baseline))
    if set(ours) & set(theirs):
        return ""
    return f"no build in common with {baseline.name}: {', '.join(ours)} and {', '.join(theirs)}"
