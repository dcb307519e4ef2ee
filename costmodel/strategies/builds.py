"""Builds: the same kernel source by other compilers and configurations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Final

from costmodel.code.library import builds_of, load_library
from costmodel.config.errors import ConfigError, describe, unknown
from costmodel.config.workload import Workload
from costmodel.operations.shared.strategy import Strategy

MARK: Final = "@"
"""Stands between the name of a strategy and that of its build: ``v6.7@gcc13``."""
_STATE: Final = "writable"
"""What builds were recorded of: the first fork."""


@dataclass(frozen=True)
class Build:
    """Who compiled a kernel, and how it was configured."""

    name: str
    compiler: str
    configuration: str


@cache
def known_builds() -> Mapping[str, Build]:
    """Return every build that something was recorded of, by name."""
    import yaml

    text = (resources.files("costmodel.code") / "data" / "builds.yaml").read_text()
    return {name: Build(name, **facts) for name, facts in yaml.safe_load(text).items()}


def builds_for(strategy: Strategy, isa: str) -> tuple[str, ...]:
    """Return the names of the builds of a strategy on an instruction set; empty for none."""
    program = strategy.programs.get(isa)
    if program is None:
        return ()
    return builds_of(strategy.operation, source_of(program))


def built(strategy: Strategy, build: str, *, origin: str = "strategy") -> Strategy:
    """Return the strategy as another build executes it, called ``NAME@BUILD``.

    It exists where the build was recorded. Raises ConfigError for an unknown build, and for one
    that was not recorded of this strategy.
    """
    name = f"{strategy.name}{MARK}{build}"
    there = {isa: known for isa in strategy.programs if (known := builds_for(strategy, isa))}
    programs = {
        isa: _program(strategy.programs[isa], build)
        for isa, known in there.items()
        if build in known
    }
    if not programs:
        recorded = sorted({one for known in there.values() for one in known})
        if not recorded:
            reason = "has no builds but the one that it was recorded of"
            raise ConfigError.of(origin, reason, key=strategy.name, got=describe(build))
        raise ConfigError.of(origin, unknown("build", build, recorded), got=describe(name))
    return replace(strategy, name=name, build=build, programs=programs, range_programs={})


def not_recorded(strategy: Strategy, workload: Workload, isa: str) -> str:
    """Return why a strategy cannot be priced on a workload; empty where it can.

    Builds were recorded in one state and at one or two orders, and few contpte kernels with frames
    that are aligned as their entries: what they execute elsewhere is not known.
    """
    aligned = workload.frames == "aligned" and 0 in workload.folio_orders and strategy.contpte
    if not strategy.build and not aligned:
        return ""
    layouts = load_library(strategy.operation, strategy.programs[isa]).layouts
    if aligned and "order0_aligned" not in layouts:
        return "was not recorded with aligned frames"
    recorded = {f"order{order}" for order in workload.folio_orders} <= set(layouts)
    alike = len(workload.folio_orders) == 1
    if not strategy.build or (workload.state == _STATE and alike and recorded):
        return ""
    orders = " and ".join(sorted({layout[len("order")] for layout in layouts}))
    return f"build {strategy.build} was recorded at order {orders}, {_STATE}"


def source_of(program: str) -> str:
    """Return a program's name without its build: ``v6.7@gcc13.x86_64`` to ``v6.7.x86_64``."""
    source, _, place = program.partition(MARK)
    return f"{source}.{place.rpartition('.')[2]}" if place else program


def _program(program: str, build: str) -> str:
    source, _, arch = source_of(program).rpartition(".")
    return f"{source}{MARK}{build}.{arch}"
