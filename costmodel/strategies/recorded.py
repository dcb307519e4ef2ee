"""Strategies that are recorded builds: ``@NAME`` is the archive NAME.ckb."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from costmodel.code.events import Step
from costmodel.config.errors import ConfigError
from costmodel.emulation.archive import find_archive, load_archive
from costmodel.operations.shared.strategy import Strategy


def of_archive(reference: str, operation: str, origin: str) -> Strategy:
    """Return the strategy that ``@NAME`` means: a build that ``costmodel record`` recorded.

    Raises ConfigError where there is no such archive, or one of another operation.
    """
    path = find_archive(reference, origin=origin)
    return _recorded(reference, path, path.stat().st_mtime_ns, operation, origin)


@cache
def _recorded(reference: str, path: Path, mtime_ns: int, operation: str, origin: str) -> Strategy:
    """Cached by the file's time, as files of strategies are."""
    info = load_archive(path, origin=reference).info
    if info.operation != operation:
        reason = f"was recorded for {info.operation}, not for {operation}"
        raise ConfigError.of(origin, reason, got=repr(reference))
    return Strategy(
        name=reference,
        summary=f"recorded: {info.version}, {info.compiler}"[:60],
        function=_only_recorded,
        operation=operation,
        programs={info.isa: reference},
        contpte=info.contpte,
        recorded=path,
    )


def _only_recorded(_operation: Any) -> Iterator[Step]:
    reason = "is priced as it was recorded; it was checked then (costmodel record)"
    raise ConfigError.of("an archive", reason)
