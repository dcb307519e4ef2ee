"""Finds a strategy by what a user calls it: a name, an entry point, or ``file.py:function``.

``@BUILD`` behind it names the build whose code it executes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from costmodel.code.library import BUILD_MARK, FILE_MARK, builds_of, program_names
from costmodel.config.errors import ConfigError, describe, unknown
from costmodel.operations.registry import DEFAULT, operation_names
from costmodel.operations.shared.strategy import Strategy, elsewhere
from costmodel.strategies.builds import BOOTED, builds_for, built, known_builds
from costmodel.strategies.catalogue import built_in

if TYPE_CHECKING:
    from costmodel.strategies.origin import KernelBuild
    from costmodel.user_code.process import UserCode

GROUP: Final = "costmodel.strategies"
"""Group of entry points by which other packages add strategies: each maps a name to a function."""
_RANGE: Final = "_range_tlbi"
_BUILDS: Final = {
    False: {"arm64": "arm64_nocontpte", "x86_64": "x86_64"},
    True: {"arm64": "arm64_contpte"},
}


def known_names(operation: str = DEFAULT) -> list[str]:
    """Return the names of built-in strategies of an operation, then those of other packages."""
    return list(dict.fromkeys([*built_in(operation), *_added()]))


class NamesByOperation(Mapping[str, list[str]]):
    """Names of strategies by operation; an operation is loaded when its names are asked for."""

    def __getitem__(self, operation: str) -> list[str]:
        """Return the names of strategies of an operation; raise KeyError for an unknown one."""
        return known_names(operation)

    def __iter__(self) -> Iterator[str]:
        """Yield the names of operations."""
        return iter(operation_names())

    def __len__(self) -> int:
        """Return the number of operations."""
        return len(operation_names())


def added_names() -> list[str]:
    """Return the names of strategies that other packages add."""
    return list(_added())


def resolve(reference: str, *, operation: str = DEFAULT, origin: str = "strategy") -> Strategy:
    """Return the strategy that ``reference`` means for ``operation``.

    A reference is the name of a built-in strategy or of one from another package, ``NAME@BUILD``,
    ``@NAME`` for an archive, or ``file.py:function``. ``origin`` is what messages call the place of
    the reference (``--strategy``). Raises ConfigError for an unknown name (and suggests the nearest
    one), an unknown build or archive, a file that does not import (with its line), and a function
    that is not there or does not take one argument.
    """
    known = built_in(operation).get(reference)
    if known is not None:
        return known
    if reference in _added():
        return _of_package(reference, operation)
    if reference.startswith("@"):
        from costmodel.strategies.recorded import of_archive

        return of_archive(reference, operation, origin)
    name, mark, build = reference.rpartition(BUILD_MARK)
    if mark and name in built_in(operation):
        return built(built_in(operation)[name], build, origin=origin)
    file, colon, function = reference.rpartition(":")
    if not colon and Path(reference).suffix == ".py":
        raise ConfigError.of(origin, "must name a function too: file.py:function", got=reference)
    if not colon:
        reason = unknown("strategy", reference, known_names(operation))
        raise ConfigError.of(origin, reason, got=describe(reference))
    path = Path(file)
    if path.suffix != ".py" or not path.is_file():
        reason = "no such file" if path.suffix == ".py" else "must be a Python file (.py)"
        raise ConfigError.of(origin, reason, key=file, got=describe(reference))
    function, mark, build = function.partition(BUILD_MARK)
    name = f"{file}:{function}"
    found = _of_file(name, path.resolve(), path.stat().st_mtime_ns, function, operation)
    return _in_named(found, build, origin) if mark else found


def operations_of(reference: str, *, origin: str = "strategy") -> list[str]:
    """Return the operations that have a strategy of this reference; a user's function is for fork.

    Raises ConfigError where there is none.
    """
    if ":" in reference:
        return [resolve(reference, origin=origin).operation]
    found, errors = [], []
    for operation in operation_names():
        try:
            resolve(reference, operation=operation, origin=origin)
            found.append(operation)
        except ConfigError as error:
            errors.append(error)
    if not found:
        raise errors[0]
    return found


@cache
def _added() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


@cache
def _of_package(name: str, operation: str) -> Strategy:
    from costmodel.user_code.process import UserCode
    from costmodel.user_code.source import Source

    return _strategy(name, UserCode(Source.of_package(_added()[name])), operation)


@cache
def _of_file(reference: str, path: Path, mtime_ns: int, function: str, operation: str) -> Strategy:
    """Return the strategy of a function in a file; remembered until the file's time changes.

    So a run traces each strategy once.
    """
    from costmodel.user_code.process import UserCode
    from costmodel.user_code.source import Source

    return _strategy(reference, UserCode(Source.of_file(path, function)), operation)


def _in_named(strategy: Strategy, build: str, origin: str) -> Strategy:
    """Return a user's strategy on a shipped build, or on the archive of that name."""
    if build in known_builds():
        return built(strategy, build, origin=origin)
    from costmodel.recorder.build_archive import archive_path
    from costmodel.strategies.recorded import kernel_of_archive

    path = archive_path(build)
    if not path.is_file() and path.name == str(path):
        names = dict.fromkeys(one for isa in strategy.programs for one in builds_for(strategy, isa))
        reason = f"no archive {path}, and {unknown('build', build, names)}"
        raise ConfigError.of(origin, reason, got=repr(f"{strategy.name}{BUILD_MARK}{build}"))
    return _on(strategy, kernel_of_archive(f"@{build}", strategy.operation, origin), build)


@cache
def _on(strategy: Strategy, archive: Strategy, build: str) -> Strategy:
    """Return a user's strategy that executes the steps of an archive; cached as traces are."""
    name = f"{strategy.name}{BUILD_MARK}{build}"
    summary, code = strategy.summary, strategy.code
    return replace(archive, name=name, summary=summary, function=elsewhere, code=code)


def _strategy(name: str, code: UserCode, operation: str) -> Strategy:
    """Return the strategy of a user's function, on the kernel build that its decorator names."""
    from costmodel.user_code.blame import StrategyError

    described = code.ask(described_as, operation)
    kernel = described.kernel
    if kernel.program.startswith(FILE_MARK):
        from costmodel.strategies.recorded import kernel_of_archive

        archive = kernel_of_archive(kernel.program, operation, f"{name}: built_on")
        return replace(archive, name=name, summary=described.summary, function=elsewhere, code=code)
    names = {isa: f"{kernel.program}.{build}" for isa, build in _BUILDS[kernel.contpte].items()}
    programs = {isa: name for isa, name in names.items() if _is_recorded(name, operation)}
    if not programs:
        raise code.blamed(StrategyError(_not_recorded(kernel, operation), got=repr(kernel.program)))
    ranged = {
        isa: name.replace(kernel.program, kernel.program + _RANGE)
        for isa, name in programs.items()
        if _is_recorded(name.replace(kernel.program, kernel.program + _RANGE), operation)
    }
    return Strategy(
        name=name,
        summary=described.summary,
        function=elsewhere,
        operation=operation,
        programs=programs,
        range_programs=ranged,
        contpte=kernel.contpte,
        code=code,
    )


class Described(NamedTuple):
    """The first line of a user's docstring, and the kernel build that the function is based on."""

    summary: str
    kernel: KernelBuild


def described_as(function: Callable[..., Any], operation: str) -> Described:
    """Return the description of a user's function.

    Raises StrategyError where it cannot be called with one argument, the operation.
    """
    from costmodel.strategies.origin import kernel_of
    from costmodel.user_code.blame import StrategyError

    try:
        inspect.signature(function).bind(object())
    except TypeError as error:
        reason = f"must take one argument, the {operation} operation"
        raise StrategyError(reason, got=str(error)) from None
    except ValueError:  # something built into Python, which does not tell
        pass
    text = (inspect.getdoc(function) or "").strip()
    return Described((text or "no description").splitlines()[0], kernel_of(function))


def _is_recorded(name: str, operation: str) -> bool:
    """Tell whether there is a program of a name, which may be that of another build."""
    source, mark, place = name.partition(BUILD_MARK)
    if not mark:
        return name in program_names(operation)
    build, _, architecture = place.rpartition(".")
    return build in builds_of(operation, f"{source}.{architecture}")


def _not_recorded(kernel: KernelBuild, operation: str) -> str:
    """Return why there is no recorded program for a kernel build."""
    source, mark, build = kernel.program.partition(BUILD_MARK)
    if mark and source in _variants(operation):
        places = _BUILDS[kernel.contpte].values()
        names = {one for place in places for one in builds_of(operation, f"{source}.{place}")}
        return f"build of {source}: {unknown('build', build, names | {BOOTED})}"
    elsewhere = (f"{kernel.program}.{build}" for build in _BUILDS[not kernel.contpte].values())
    if not any(name in program_names(operation) for name in elsewhere):
        return f"program: {unknown('program', kernel.program, _variants(operation))}"
    if kernel.contpte:
        return "program: was not recorded with contpte=True"
    return "program: was recorded with contpte=True alone"


def _variants(operation: str) -> list[str]:
    names = {name.rpartition(".")[0] for name in program_names(operation)}
    return sorted(name for name in names if not name.endswith(_RANGE))
