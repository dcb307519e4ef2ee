"""Subkinds of recorded micro-ops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from costmodel.code.library import Library, builds_of, load_library, program_names
from costmodel.code.subkinds import subkind_of
from costmodel.code.uops import Subkind
from costmodel.operations.registry import operation_names


def libraries(operation: str) -> Iterator[Library]:
    """Yield the steps of every recorded program of an operation, and of every build of it."""
    for program in program_names(operation):
        yield load_library(operation, program)
        source, _, architecture = program.rpartition(".")
        for build in builds_of(operation, program):
            yield load_library(operation, f"{source}@{build}.{architecture}")


def test_indirect_calls_are_those_of_file_pages() -> None:
    """Calls through ``pv_ops`` and static calls are direct once a kernel has booted."""
    found: Counter[tuple[str, str, str]] = Counter()
    for operation in operation_names():
        for library in libraries(operation):
            rows = zip(library.kind, library.op, library.function, strict=True)
            indirect = [
                subkind_of(kind, op) is Subkind.INDIRECT and (operation, kind, function)
                for kind, op, function in rows
            ]
            found.update(indirect[uop] for uop in library.uop if indirect[uop])
    assert found == {
        ("zap", "call", "folio_batch_move_lru"): 36,
        ("zap", "call", "folio_mark_dirty"): 5,
        ("zap", "jump", "folio_mark_dirty"): 6,
    }
