"""Where the source of a recorded program comes from: a kernel release, or a mail on a list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from costmodel.code.library import source_of
from costmodel.config.yaml_text import shipped
from costmodel.operations.shared.strategy import Strategy


@dataclass(frozen=True)
class RecordedSource:
    """The source that a recorded program was compiled from.

    ``unmodified``: a kernel as it was released; else it was written again after what ``of`` names.
    """

    of: str
    unmodified: bool = False

    def __str__(self) -> str:
        """Return ``unmodified: Linux 6.12.117`` or ``recreated from ...``."""
        return f"unmodified: {self.of}" if self.unmodified else f"recreated from {self.of}"


@cache
def known_sources() -> Mapping[str, RecordedSource]:
    """Return the source of each recorded program, by its name without build and architecture."""
    listed = shipped("costmodel.code", "data", "sources.yaml")
    return {name: RecordedSource(**facts) for name, facts in listed.items()}


def source_of_strategy(strategy: Strategy) -> RecordedSource | None:
    """Return the source of a built-in strategy's code; None for users' code and archives."""
    if strategy.code is not None or strategy.archive is not None:
        return None
    program = next(iter(strategy.programs.values()))
    return known_sources().get(source_of(program).rpartition(".")[0])
