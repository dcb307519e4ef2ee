"""Subkinds of recorded micro-ops."""

from __future__ import annotations

from collections import Counter

from costmodel.code.library import load_library
from costmodel.code.step_archive import BUILDS, STEPS, archives_of, names_in
from costmodel.code.subkinds import subkind_of
from costmodel.code.uops import Subkind
from costmodel.operations.registry import operation_names


def test_indirect_calls_are_those_of_file_pages() -> None:
    """Calls through ``pv_ops`` and static calls are direct once a kernel has booted."""
    found: Counter[tuple[str, str, str]] = Counter()
    for operation in operation_names():
        for archives in (STEPS, BUILDS):
            for arch, file in archives_of(operation, archives).items():
                for name in names_in(file.read_bytes()):
                    library = load_library(operation, f"{name}.{arch}")
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
