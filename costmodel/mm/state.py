"""How an operation finds the pages and entries of a process."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PteState:
    """One way in which entries can be found, with the name that scenarios use for it.

    ``title`` says in a few words what it is. ``alone``: every page belongs to this process alone,
    so entries may be written and pages are marked anon-exclusive. ``mapped_by``: processes that
    map each page. ``protected``: the mapping must not be written, though its pages were.
    ``shared``: pages of a file that the mapping shares (shmem), which all are dirty. ``cold``: the
    process wrote all of its memory since the last time: caches hold that, and no page tables.
    ``write_protects``: userfaultfd protects the pages of a registered mapping against writes
    (True), or takes back that it did (False); None where it has nothing to do with it.
    """

    name: str
    title: str
    alone: bool = True
    mapped_by: int = 1
    protected: bool = False
    shared: bool = False
    cold: bool = False
    write_protects: bool | None = None

    @property
    def option(self) -> str:
        """The option that a kernel must have been built with, as builds name it; mostly none."""
        return "" if self.write_protects is None else "USERFAULTFD"
