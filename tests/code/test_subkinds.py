"""Subkinds of recorded micro-ops."""

from __future__ import annotations

from collections import Counter

from costmodel.code.library import load_library
from costmodel.code.step_archive import names_of
from costmodel.code.subkinds import subkind_of
from costmodel.code.uops import Subkind
from costmodel.operations.registry import operation_names


def test_indirect_calls_are_those_of_file_pages() -> None:
    """Calls through ``pv_ops`` and static calls are direct once a kernel has booted.

    Counted in every recorded program and build; spawn's are those of fork.
    """
    found: Counter[tuple[str, str, str]] = Counter()
    for operation in operation_names():
        for name in names_of(operation):
            library = load_library(operation, name)
            rows = zip(library.kind, library.op, library.function, strict=True)
            indirect = [
                subkind_of(kind, op) is Subkind.INDIRECT and (operation, kind, function)
                for kind, op, function in rows
            ]
            found.update(indirect[uop] for uop in library.uop if indirect[uop])
    assert found == {
        ("zap", "call", "folio_batch_move_lru"): 27,
        ("zap", "call", "folio_mark_dirty"): 5,
        ("zap", "jump", "folio_mark_dirty"): 6,
    }
