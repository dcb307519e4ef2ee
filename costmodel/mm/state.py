"""The state of a process's pages and entries before an operation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PteState:
    """A state in which an operation can find entries, with the name that scenarios use for it.

    * ``title`` says in a few words what it is.
    * ``alone``: every page belongs to this process alone, so entries are writable and pages have
      the anon-exclusive mark.
    * ``mapped_by`` is the number of processes that map each page.
    * ``protected``: the mapping is read-only now, though its pages were written before.
    * ``shared``: the mapping shares the pages of a file (shmem), which all are dirty.
    * ``file``: the mapping is of a file, and its pages were only read: entries are clean.
    * ``cold``: the process wrote all of its memory since it last touched the page tables, so caches
      hold the memory and none of the tables.
    * ``write_protects``: userfaultfd protects the pages of a registered mapping against writes
      (True), or takes back that it did (False). It is None where userfaultfd plays no part.
    """

    name: str
    title: str
    alone: bool = True
    mapped_by: int = 1
    protected: bool = False
    shared: bool = False
    file: bool = False
    cold: bool = False
    write_protects: bool | None = None

    @property
    def option(self) -> str:
        """The option that a kernel must have been built with, as builds name it; mostly none."""
        return "" if self.write_protects is None else "USERFAULTFD"
