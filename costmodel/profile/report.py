"""The text of ``perf report --stdio``: a table with a header, and call graphs below its entries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from costmodel.config.errors import ConfigError, Fault, describe
from costmodel.profile.graph import chains, is_graph
from costmodel.profile.stacks import (
    UNKNOWN_EVENT,
    Inclusive,
    Profile,
    Stack,
    chosen_event,
    named,
    plain,
)

FORM = "perf report"
_SAMPLES = re.compile(
    r"# Samples:\s*(?P<count>\d{1,18}(?:\.\d+)?)(?P<unit>[KMG]?)\s+of events?\s+'(?P<event>[^']*)'"
)
_RULER = re.compile(r"#\s+\.+(\s+\.+)*\s*")
_PERCENT = re.compile(r"\s*(\d{1,2}(?:\.\d+)?|100(?:\.0+)?)%")
_COMMA = re.compile(r"(\d),(\d+%)")
"""A percentage as some locales write it."""
_NO_HEADER = "stands before the header of a table"
_SYMBOL = re.compile(r"\[[^\]]\]\s+(?P<name>.+?)(?:\s{2,}.*)?")
_ROUNDED = 0.005
"""Percent by which an entry may be rounded."""
_UNITS = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9}


@dataclass(frozen=True)
class _Columns:
    """Where the columns of a table begin and end, by the dots below its header."""

    spans: dict[str, tuple[int, int | None]]

    def text(self, line: str, name: str) -> str:
        start, end = self.spans.get(name, (0, 0))
        return line[start:end].strip()


@dataclass
class _Entry:
    children: float | None
    own: float
    comm: str
    function: str
    graph: list[str] = field(default_factory=list)


@dataclass
class _Table:
    event: str = UNKNOWN_EVENT
    samples: float | None = None
    columns: _Columns | None = None
    entries: list[_Entry] = field(default_factory=list)


def is_report(text: str) -> bool:
    """Tell whether text is that of ``perf report --stdio``."""
    return bool(_SAMPLES.search(text)) or any(map(_RULER.fullmatch, text.splitlines()))


def read_report(text: str, file: str, event: str | None = None) -> Profile:
    """Return what a report says of ``event``; without it, of the one that counts time.

    ``file`` is the name that faults give. Raises ConfigError with every line that cannot be read.
    """
    tables, faults = _tables(_COMMA.sub(r"\1.\2", text), file)
    headers = [table.columns for table in tables if table.columns]
    if headers and not any("symbol" in columns.spans for columns in headers):
        reason = "lacks the column Symbol (perf report --sort comm,dso,symbol)"
        raise ConfigError.of(file, reason)
    if faults:
        raise ConfigError(faults)
    tables = [table for table in tables if table.entries]
    if not tables:
        raise ConfigError.of(file, "has no entry")
    for table in tables:
        own = sum(entry.own for entry in table.entries)
        if own > 100 + _ROUNDED * (len(table.entries) + 1):
            reason = "has entries of more than 100% of an event"
            raise ConfigError.of(file, reason, got=f"{own:.1f}%")
    by_event = {table.event: table for table in tables}
    samples = {name: table.samples or 0.0 for name, table in by_event.items()}
    return _profile(by_event[chosen_event(samples, event)])


def _profile(table: _Table) -> Profile:
    entries = table.entries
    has_children = any(entry.children is not None for entry in entries)
    # Below an entry with children the graph holds what it called: nothing that its self needs.
    has_graphs = not has_children and any(entry.graph for entry in entries)
    stacks = [stack for entry in entries for stack in _stacks(entry, graph=has_graphs)]
    inclusive = tuple(
        Inclusive(entry.children, entry.comm, plain(entry.function))
        for entry in entries
        if entry.children is not None
    )
    return Profile(
        FORM, table.event, table.samples, tuple(stacks), inclusive, has_graphs, total=100.0
    )


def _stacks(entry: _Entry, *, graph: bool) -> Iterator[Stack]:
    if not graph:
        yield Stack(entry.own, entry.comm, named([entry.function]))
        return
    for part, functions in chains(entry.graph, entry.own):
        yield Stack(part, entry.comm, named([entry.function, *functions]))


def _tables(text: str, file: str) -> tuple[list[_Table], list[Fault]]:
    faults: list[Fault] = []
    tables, header = [_Table()], ""
    for number, line in enumerate(text.splitlines(), 1):
        if found := _SAMPLES.match(line):
            count = float(found["count"]) * _UNITS[found["unit"]]
            tables.append(_Table(found["event"], count))
        elif _RULER.fullmatch(line):
            tables[-1].columns = _columns(header, line)
        elif line.startswith("#"):
            header = line
        elif line.strip() and (reason := _add(tables[-1], line)):
            if reason == _NO_HEADER and faults and faults[-1].reason == reason:
                continue  # all lines up to the header have one fault
            faults.append(Fault(file, number, 1, reason=reason, got=describe(line.strip())))
    return tables, faults


def _columns(header: str, ruler: str) -> _Columns:
    spans = [match.span() for match in re.finditer(r"\.+", ruler)]
    found = {}
    for place, (start, _) in enumerate(spans):
        end = spans[place + 1][0] if place + 1 < len(spans) else None
        found[header[start:end].strip().lower()] = (start, end)
    return _Columns(found)


def _add(table: _Table, line: str) -> str:
    """Add a line to a table; return why it cannot be a line of it, or an empty text."""
    columns = table.columns
    if columns is None:
        return _NO_HEADER
    entry = _entry(columns, line)
    if entry is not None:
        table.entries.append(entry)
    elif table.entries and (is_graph(line) or line.startswith(" " * 8)):
        table.entries[-1].graph.append(line)
    else:
        return "is neither an entry of perf report nor part of a call graph"
    return ""


def _entry(columns: _Columns, line: str) -> _Entry | None:
    own_name = "self" if "children" in columns.spans else "overhead"
    own = _PERCENT.match(columns.text(line, own_name))
    symbol = _SYMBOL.fullmatch(columns.text(line, "symbol"))
    if own is None or symbol is None:
        return None
    children = _PERCENT.match(columns.text(line, "children"))
    return _Entry(
        float(children[1]) if children else None,
        float(own[1]),
        columns.text(line, "command") or columns.text(line, "pid:command").partition(":")[2],
        symbol["name"],
    )
