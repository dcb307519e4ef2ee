"""Finds the strategies to check: built-in ones by name, others as ``file.py:function``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from costmodel.checking.run import Subject
from costmodel.config.errors import ConfigError, unknown
from costmodel.operations.registry import DEFAULT, operation_names
from costmodel.operations.shared.strategy import Strategy
from costmodel.recorder.build_archive import find_archive
from costmodel.strategies.catalogue import built_in
from costmodel.strategies.resolve import added_names, known_names, resolve


def find_subjects(
    names: Sequence[str], *, contpte: bool = False, operation: str | None = None
) -> list[Subject]:
    """Return the strategies called ``names``, or all built-in ones if there are no names.

    ``operation`` limits them to one operation. Without it, names are looked up in all operations,
    and a user's strategy is one for fork. ``contpte`` says that the kernels of the user's own
    strategies use the contiguous bit. Raises ConfigError with everything that is wrong with the
    names; archives cannot be checked.
    """
    operations = [operation] if operation else list(operation_names())
    faults = []
    subjects: list[Subject] = []
    if not names:
        return [_subject(entry) for op in operations for entry in built_in(op).values()]
    for name in names:
        try:
            if name.startswith("@"):
                find_archive(name, origin="STRATEGY")
                reason = "is an archive: it was checked when it was recorded (costmodel record)"
                raise ConfigError.of("STRATEGY", reason, got=repr(name))
            if ":" in name or name.endswith(".py") or name in added_names():
                subjects.append(_user(name, contpte, operation or DEFAULT))
            else:
                subjects.extend(_built_in(name, operations))
        except ConfigError as error:
            faults += error.faults
    if faults:
        raise ConfigError(faults)
    return subjects


def _built_in(name: str, operations: Sequence[str]) -> list[Subject]:
    found = [built_in(op)[name] for op in operations if name in built_in(op)]
    if not found:
        known = dict.fromkeys(known for op in operations for known in known_names(op))
        raise ConfigError.of("STRATEGY", unknown("strategy", name, list(known)), got=repr(name))
    return [_subject(entry) for entry in found]


def _subject(entry: Strategy) -> Subject:
    # The flush belongs to the callers of both loops: dup_mmap() and tlb_finish_mmu().
    return Subject(
        entry.name if entry.operation == DEFAULT else f"{entry.operation} {entry.name}",
        entry.function,
        operation=entry.operation,
        contpte=entry.contpte,
        dirty=entry.dirty,
        flushes=False,
    )


def _user(name: str, contpte: bool, operation: str) -> Subject:
    entry = resolve(name, operation=operation, origin="STRATEGY")
    return replace(subject_of(entry), contpte=contpte or entry.contpte)


def subject_of(entry: Strategy) -> Subject:
    """Return a user's strategy as a check runs it: the callers of the loop do the flush."""
    return Subject(
        entry.name,
        entry.function,
        operation=entry.operation,
        contpte=entry.contpte,
        flushes=False,
        code=entry.code,
    )
