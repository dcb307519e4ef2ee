"""Strategies that are recorded builds: ``@NAME`` is the archive NAME.ckb."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from costmodel.code.events import Step
from costmodel.code.library import FILE_MARK
from costmodel.config.errors import ConfigError, describe
from costmodel.operations.registry import operation_named
from costmodel.operations.shared.strategy import Function, Strategy
from costmodel.recorder.build_archive import BuildInfo, find_archive, load_archive
from costmodel.store import depends_on_more
from costmodel.user_code.blame import StrategyError


def of_archive(reference: str, operation: str, origin: str) -> Strategy:
    """Return the strategy that ``@NAME`` means: a build that ``costmodel record`` recorded.

    ``origin`` is what messages call the place of the reference. Raises ConfigError where there is
    no such archive, and for an archive of another operation.
    """
    depends_on_more()
    path = find_archive(reference, origin=origin)
    return _recorded(reference, path, path.stat().st_mtime_ns, operation, origin)


def kernel_of_archive(reference: str, operation: str, origin: str) -> Strategy:
    """Return the recorded strategy whose steps a user's strategy executes.

    Raises ConfigError as :func:`of_archive` does, and for an archive that holds whole tables only
    and no steps.
    """
    known = of_archive(reference, operation, origin)
    if known.function is _only_recorded:
        reason = "holds whole tables, no steps that a strategy could execute"
        raise ConfigError.of(origin, reason, got=repr(reference))
    return known


@cache
def _recorded(reference: str, path: Path, mtime_ns: int, operation: str, origin: str) -> Strategy:
    """Return the strategy of an archive; it is remembered until the file's time changes."""
    info = load_archive(path, origin=reference).info
    if info.operation != operation:
        reason = f"was recorded for {info.operation}, not for {operation}"
        raise ConfigError.of(origin, reason, got=repr(reference))
    return Strategy(
        name=reference,
        summary=f"recorded: {info.version}, {info.compiler}"[:60],
        function=_loop_of(info),
        operation=operation,
        programs={info.isa: steps_program(path, info)},
        contpte=info.contpte,
        archive=path,
    )


def _loop_of(info: BuildInfo) -> Function:
    """Return the loop that executes the steps of an archive; one that raises if it has none."""
    loops = operation_named(info.operation).recorded().loops
    if not info.has_steps or loops is None:
        return _only_recorded
    try:
        return loops.loop_of(info.loop)
    except (KeyError, TypeError, AttributeError, StrategyError) as error:
        reason = "names a loop that this version does not know: record it again"
        raise ConfigError.of(f"@{info.name}", reason, got=describe(info.loop)) from error


def steps_program(path: Path, info: BuildInfo) -> str:
    """Return the name of the program whose steps an archive holds."""
    return f"{FILE_MARK}{path.resolve()}.{info.program.rpartition('.')[2]}"


def _only_recorded(_operation: Any) -> Iterator[Step]:
    reason = "is priced as it was recorded; it was checked then (costmodel record)"
    raise ConfigError.of("an archive", reason)
