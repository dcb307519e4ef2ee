"""Finds the strategies to check: built-in ones by name, others as ``file.py:function``."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from costmodel.checking.run import Strategy, Subject
from costmodel.config.errors import ConfigError, unknown
from costmodel.kernel.sanity_entries import DirtyRule
from costmodel.strategies.catalogue import STRATEGIES

_DIRTY: Final = {
    "folio-scan-v3": DirtyRule.ANY_OF_BATCH,
    "contpte-folio-batch-noyoungdirty": DirtyRule.IGNORED,
}
"""How kernels that do not keep every entry's own dirty bit pass it on."""


def find_subjects(names: Sequence[str], *, contpte: bool = False) -> list[Subject]:
    """Return the strategies called ``names``, all built-in ones of fork if there are no names.

    ``contpte`` says that the kernels of the user's own ones use the contiguous bit. Raises
    ConfigError that lists everything wrong with the names.
    """
    faults = []
    subjects: list[Subject] = []
    for name in names or _fork_names():
        try:
            subjects.append(_user(name, contpte) if ":" in name else _built_in(name))
        except ConfigError as error:
            faults += error.faults
    if faults:
        raise ConfigError(faults)
    return subjects


def _fork_names() -> list[str]:
    return [name for name, entry in STRATEGIES.items() if entry.operation == "fork"]


def _built_in(name: str) -> Subject:
    entry = STRATEGIES.get(name)
    if entry is None or entry.operation != "fork":
        raise ConfigError.of("STRATEGY", unknown("strategy", name, _fork_names()), got=repr(name))
    # The flush belongs to dup_mmap(), after the copy loop.
    return Subject(
        name,
        entry.function,
        contpte=entry.contpte,
        dirty=_DIRTY.get(name, DirtyRule.EXACT),
        flushes=False,
    )


def _user(name: str, contpte: bool) -> Subject:
    file, _, function = name.rpartition(":")
    return Subject(name, _load(Path(file), function), contpte=contpte, flushes=False)


def _load(path: Path, function: str) -> Strategy:
    """Import a file and return a function of it; its own errors become one fault."""
    if not path.is_file():
        raise ConfigError.of(str(path), "no such file")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ConfigError.of(str(path), "must be a Python file (.py)")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # foreign code: whatever it raises is what is wrong with it
        reason = f"cannot be imported: {type(error).__name__}: {error}"
        raise ConfigError.of(str(path), reason) from error
    strategy = getattr(module, function, None)
    if not callable(strategy):
        names = [name for name, value in vars(module).items() if callable(value)]
        raise ConfigError.of(str(path), unknown("function", function, names), got=repr(function))
    loaded: Strategy = strategy
    return loaded
