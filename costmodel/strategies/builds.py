"""The builds that strategies were recorded of: one source, several compilers and configurations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Final

from costmodel.code.library import BUILD_MARK, RAGGED, builds_of, layouts_of, source_of
from costmodel.config.errors import ConfigError, unknown
from costmodel.config.workload import Workload
from costmodel.config.yaml_text import shipped
from costmodel.operations.registry import operation_named
from costmodel.operations.shared.strategy import Strategy
from costmodel.strategies.catalogue import built_in

BOOTED: Final = "gcc12-booted"
"""The build of the kernels that were booted to record them. Only this build was recorded of every
strategy, at every order and in every state."""


_NO_PMDS: Final = "was not recorded with folios that PMDs map"


@dataclass(frozen=True)
class Build:
    """The compiler and the configuration of a kernel, in words.

    ``options`` holds the configuration options that are set, of those by which builds are told
    apart (see :mod:`costmodel.strategies.likeness`). ``states`` names, by operation, the states in
    which this build alone was recorded; it was recorded in no others. Without it, a build has all
    that no other has to itself.
    """

    name: str
    compiler: str
    configuration: str
    options: frozenset[str] = frozenset()
    states: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return ``gcc 13.3.0, distribution-like``."""
        return f"{self.compiler}, {self.configuration}"


@cache
def known_builds() -> Mapping[str, Build]:
    """Return every build that some strategy was recorded of, by name, the oldest compiler first."""
    return {
        name: Build(name, **{**facts, "options": frozenset(facts.get("options", ()))})
        for name, facts in shipped("costmodel.code", "data", "builds.yaml").items()
    }


@cache
def builds_for(strategy: Strategy, isa: str) -> tuple[str, ...]:
    """Return the names of the builds of a strategy on an instruction set (``arm64``, ``x86_64``).

    The build that the strategy's name means by itself comes first. A strategy whose name holds a
    build, and an archive, have this one only. Empty where the strategy does not exist on ``isa``.
    """
    program = strategy.programs.get(isa)
    if program is None:
        return ()
    if strategy.archive is not None:
        return (strategy.name,)
    if strategy.build:
        return (strategy.build,)
    own = _build_in(program)
    others = builds_of(strategy.operation, source_of(program))
    first = list(known_builds()).index  # the order of the file: the oldest compiler first
    return tuple(dict.fromkeys([own, *sorted(others, key=first)]))


def own_build(strategy: Strategy, workload: Workload, isa: str) -> str:
    """Return the build that the name of a strategy means where nothing is compared.

    It is the first one of :func:`builds_for` that can be priced on the workload, or else the first
    one.
    """
    return next(iter(builds_on(strategy, workload, isa)), builds_for(strategy, isa)[0])


def described(strategy: Strategy, build: str) -> Build:
    """Return the compiler and configuration of a build; for an archive, as it states them."""
    if strategy.archive is None:
        return known_builds()[build]
    from costmodel.recorder.build_archive import load_archive

    info = load_archive(strategy.archive).info
    return Build(build, info.compiler, f"Linux {info.version}, {info.config_hash[:12]}")


def builds_on(strategy: Strategy, workload: Workload, isa: str) -> tuple[str, ...]:
    """Return the builds of a strategy that were recorded for what a workload needs."""
    return tuple(
        build
        for build in builds_for(strategy, isa)
        if not _not_recorded(strategy, build, workload, isa)
    )


def in_build(strategy: Strategy, build: str, workload: Workload, isa: str) -> Strategy:
    """Return the strategy as a build executes it on a workload.

    Raises ConfigError for a build that was not recorded of the strategy (the message lists those
    that were), and for one that was not recorded for the workload.
    """
    known = builds_for(strategy, isa)
    if build not in known:
        raise ConfigError.of("build", lacks(strategy, isa), key=strategy.name, got=repr(build))
    if why := _not_recorded(strategy, build, workload, isa):
        raise ConfigError.of("build", why, key=strategy.name)
    return strategy if build == known[0] else built(strategy, build, origin="build")


def lacks(strategy: Strategy, isa: str) -> str:
    """Return as the reason of an error which builds a strategy was recorded of."""
    return f"recorded builds on {isa}: {', '.join(builds_for(strategy, isa))}"


@cache
def built(strategy: Strategy, build: str, *, origin: str = "strategy") -> Strategy:
    """Return the strategy as another build executes it, called ``NAME@BUILD``.

    The same object is returned each time, because traces are kept by strategy object. Raises
    ConfigError for an unknown build, and for one that was not recorded of this strategy.
    """
    name = f"{strategy.name}{BUILD_MARK}{build}"
    there = {isa: builds_for(strategy, isa) for isa in strategy.programs}
    programs = {
        isa: _program(strategy.programs[isa], build)
        for isa, known in there.items()
        if build in known
    }
    if not programs:
        recorded = list(dict.fromkeys(one for known in there.values() for one in known))
        reason = unknown("build", build, recorded)
        if build in known_builds():
            reason = f"{strategy.name} was not recorded of it; builds: {', '.join(recorded)}"
        raise ConfigError.of(origin, reason, got=repr(name))
    ranged = strategy.range_programs if build == BOOTED else {}
    return replace(strategy, name=name, build=build, programs=programs, range_programs=ranged)


def not_recorded(strategy: Strategy, workload: Workload, isa: str, *, build: str = "") -> str:
    """Return why a strategy cannot be priced on a workload; empty if it can.

    ``build`` asks about one build, the empty text about any. Builds were recorded in some states
    and at some orders, and few contpte kernels with frames that are aligned as their entries; what
    they execute otherwise is not known.
    """
    known = builds_for(strategy, isa)
    if strategy.archive is not None:
        return _not_recorded(strategy, build, workload, isa)
    if not build and builds_on(strategy, workload, isa):
        return ""
    if build and build not in known:
        here = builds_on(strategy, workload, isa) or known
        return f"not recorded of build {build} (builds: {', '.join(here)})"
    return _not_recorded(strategy, build or known[0], workload, isa)


def _not_recorded(strategy: Strategy, build: str, workload: Workload, isa: str) -> str:
    """Return why one build of a strategy cannot be priced on a workload; empty where it can."""
    if strategy.archive is not None:
        # Whole tables say themselves what they lack, steps execute any layout of entries.
        return _NO_PMDS if workload.maps_pmds else ""
    if workload.maps_pmds and build != BOOTED:
        return f"build {build}: {_NO_PMDS}"
    option = operation_named(strategy.operation).state(workload.state).option
    if option and option not in known_builds()[build].options:
        return f"build {build} has no CONFIG_{option}, which {workload.state} needs"
    for alone, states in _states_apart(strategy.operation).items():
        if build != alone and workload.state in states:
            return _in_no_state(strategy, alone, workload.state, isa)
        if build == alone:
            here = workload.state in states
            return (
                "" if here else f"build {build} was recorded in {', '.join(states) or 'no state'}"
            )
    aligned = workload.frames == "aligned" and 0 in workload.folio_orders and strategy.contpte
    if build == BOOTED and not aligned:
        return ""
    layouts = layouts_of(strategy.operation, _program(strategy.programs[isa], build))
    if any(layout.startswith(RAGGED) for layout in layouts):
        return _lacks_state(strategy.operation, build, workload.state)
    if aligned and "order0_aligned" not in layouts:
        return "was not recorded with aligned frames"
    whole = {"order2", "order9"} <= set(layouts)  # the same steps lead from the one to the other
    recorded = {
        f"order{order}" for order in workload.folio_orders if order == 0 or not whole
    } <= set(layouts)
    alike = len(workload.folio_orders) == 1
    known = strategy.one_by_one or (alike and recorded)
    states = operation_named(strategy.operation).words.built_states
    if build == BOOTED:
        return ""
    if workload.state in states and known:
        user = strategy.code is not None and not strategy.build
        return _lacks_steps(strategy, build, workload, isa) if user else ""
    orders = " and ".join(sorted({layout[len("order")] for layout in layouts}))
    where = "every order" if strategy.one_by_one else f"order {orders}"
    return f"build {build} was recorded at {where}, {' and '.join(states)}"


def _lacks_state(operation: str, build: str, state: str) -> str:
    """Return why a build that was cut into steps holds none for a state; empty where it does."""
    known = operation_named(operation)
    if known_builds()[build].states or state in known.words.built_states:
        return ""
    loops = known.recorded().loops
    if loops is None or loops.holds(known.state(state)):
        return ""
    held = [one.name for one in known.words.states if loops.holds(one)]
    return f"build {build} was recorded in {', '.join(held)}"


@cache
def _states_apart(operation: str) -> Mapping[str, Sequence[str]]:
    """Return the states of an operation in which builds alone were recorded, by build."""
    return {
        name: build.states.get(operation, ())
        for name, build in known_builds().items()
        if build.states
    }


def _in_no_state(strategy: Strategy, build: str, state: str, isa: str) -> str:
    """Return as a reason which strategies were recorded in a state; ``build`` is that of theirs."""
    others = built_in(strategy.operation).values()
    recorded = [known.name for known in others if build in builds_for(known, isa)]
    if strategy.name in recorded:
        return f"state {state!r} was recorded of build {build} only"
    return f"was not recorded in the state {state!r}; recorded were: {', '.join(recorded)}"


def kernel_changed_by(strategy: Strategy, isa: str) -> Strategy | None:
    """Return the built-in strategy whose recorded code a user's strategy executes.

    None for a strategy that is no user's, is built on an archive, or on code of no built-in one.
    """
    program = strategy.programs.get(isa)
    if strategy.code is None or strategy.archive is not None or program is None:
        return None
    source = source_of(program)
    alike = (known for known in built_in(strategy.operation).values() if isa in known.programs)
    return next((known for known in alike if source_of(known.programs[isa]) == source), None)


def _lacks_steps(strategy: Strategy, build: str, workload: Workload, isa: str) -> str:
    """Return why a user's function cannot run on a build that was recorded at few orders.

    It may announce events in an order that was not recorded there. Empty where it runs.
    """
    from costmodel.strategies.runs import trace_runs

    try:
        trace_runs(built(strategy, build), workload, isa, range_tlbi=False)
    except ConfigError as error:
        return f"does not run on build {build}: {error.faults[0].reason}"
    return ""


def _build_in(program: str) -> str:
    """Return the build that a program's name contains: ``gcc13`` for ``v6.7@gcc13.x86_64``."""
    _, _, place = program.partition(BUILD_MARK)
    return place.rpartition(".")[0] if place else BOOTED


def _program(program: str, build: str) -> str:
    if build == BOOTED:
        return source_of(program)
    source, _, arch = source_of(program).rpartition(".")
    return f"{source}{BUILD_MARK}{build}.{arch}"
