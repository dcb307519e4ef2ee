"""Reads YAML so strictly that nothing is guessed: plain values, and the line and column of each.

PyYAML splits a text into its parts, and :mod:`costmodel.config.yaml_text` says what its words mean.
Duplicate keys, anchors, tags, and numbers with a leading zero are faults.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import yaml

from costmodel.config.errors import ConfigError, Fault, describe
from costmodel.config.yaml_text import events_of, plain_value, read_text, syntax_fault

Location = tuple[str | int, ...]
"""The path from the top of a document to a value: keys and list indices, ``('machines', 0)``."""

_DEEPEST = 50


@dataclass(frozen=True)
class Place:
    """Where a value was given: line and column, from 1; both are 0 where the input has no lines.

    ``file`` is empty for the file of the document itself; else it names what the value came from,
    such as ``--set``. ``names_key`` marks an option that sets only one key, such as ``--order``, so
    messages need not repeat the name of the key.
    """

    line: int = 0
    col: int = 0
    file: str = ""
    names_key: bool = False


@dataclass
class Document:
    """A YAML file: its top mapping as plain Python, and the place of every key and value.

    ``faults`` are those that leave the rest readable, such as duplicate keys and malformed numbers.
    A schema adds its own before all of them are reported together.
    """

    file: str
    data: dict[Any, Any] = field(default_factory=dict)
    keys: dict[Location, Place] = field(default_factory=dict)
    values: dict[Location, Place] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def fault(self, at: Location, reason: str, got: str, *, at_key: bool = False) -> Fault:
        """Return a fault at a location, or at the nearest one around it that the file has.

        ``got`` is the offending value, ready to print. With ``at_key`` the fault is at the key, not
        at its value.
        """
        places = self.keys if at_key else self.values
        shown = at
        while at and at not in places:
            at = at[:-1]
            places = self.keys if at in self.keys else self.values  # an item has no key
        # Data that no file holds (an override) has no places at all.
        place = places.get(at) or (Place(1, 1) if () in self.values else Place())
        file = place.file or self.file
        if place.names_key:
            # An item of an option that is repeated is told by its value.
            below = shown[len(at) :]
            shown = below[1:] if below and isinstance(below[0], int) else below
        return Fault(file, place.line, place.col, key_text(shown), reason, got)

    def changed(self, data: dict[Any, Any], places: Mapping[str, Place]) -> Document:
        """Return a document with other data.

        ``places`` maps dotted keys of changed values to where these came from; all others keep
        their places.
        """
        moved = {tuple(key.split(".")): place for key, place in places.items()}
        keys, values = (
            {at: place for at, place in old.items() if not _is_below(at, moved)} | moved
            for old in (self.keys, self.values)
        )
        return Document(self.file, data, keys=keys, values=values)


def _is_below(at: Location, changed: Iterable[Location]) -> bool:
    return any(at[: len(above)] == above for above in changed)


def key_text(location: Location) -> str:
    """Return a location as it is written in messages: ``('a', 'b', 0)`` is ``a.b[0]``."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def read_document(path: Path) -> Document:
    """Return a YAML file whose top is a mapping.

    Raises ConfigError for a file that cannot be read, is not YAML, or has no mapping at its top.
    """
    return parse_document(read_text(path), str(path))


def parse_document(text: str, file: str) -> Document:
    """Return YAML text whose top is a mapping; ``file`` is its name in messages.

    Raises ConfigError for text that is not YAML or has no mapping at its top.
    """
    document = Document(file)
    data = _parse(text, document)
    if not isinstance(data, dict):
        raise ConfigError(
            [*document.faults, document.fault((), "must be a mapping of keys", describe(data))]
        )
    document.data = data
    return document


def parse_list(text: str, file: str, name: str) -> Document:
    """Return YAML text whose top is a list, as a document with this list under the key ``name``.

    Raises ConfigError for text that is not YAML or has no list at its top.
    """
    inner = Document(file)
    data = _parse(text, inner)
    if not isinstance(data, list):
        raise ConfigError([*inner.faults, inner.fault((), "must be a list", describe(data))])
    keys, values = (
        {(name, *at): place for at, place in places.items()}
        for places in (inner.keys, inner.values)
    )
    return Document(file, {name: data}, keys, values, inner.faults)


def parse_scalar(text: str) -> object:
    """Return the value of an option such as ``true``, ``1e-9`` or ``1 GiB``, as in a YAML file.

    Text that is not YAML is returned as it is.

    >>> parse_scalar("true"), parse_scalar("1e-9"), parse_scalar("1 GiB")
    (True, 1e-09, '1 GiB')
    """
    document = Document("value")
    try:
        value = _parse(text, document)
    except ConfigError:
        return text
    return text if document.faults else value


def _parse(text: str, document: Document) -> Any:
    """Return the value that a YAML text holds, and add its places and faults to ``document``."""
    events = events_of(text)
    try:
        next(events)  # the stream starts
        if isinstance(next(events), yaml.StreamEndEvent):
            raise ConfigError([Fault(document.file, 1, 1, reason="is empty", got="nothing")])
        value = _Reader(document, events).value(next(events), ())
        next(events)  # the document ends
        after = next(events)
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise ConfigError([syntax_fault(text, document.file, error)]) from None
    if not isinstance(after, yaml.StreamEndEvent):
        place, reason = _place(after), "is not YAML: but found another document"
        raise ConfigError([Fault(document.file, place.line, place.col, reason=reason)])
    return value


@dataclass(frozen=True)
class _Reader:
    """Turns the events of a YAML parser into plain Python values."""

    document: Document
    """Receives the places and the faults."""
    events: Iterator[yaml.Event]

    def value(self, event: yaml.Event, at: Location) -> Any:
        """Return the value that begins with ``event``; its location is ``at``."""
        if len(at) > _DEEPEST:
            raise ConfigError([Fault(self.document.file, 1, 1, reason="is nested too deeply")])
        if not _is_left_out(event) or not at:
            # A value that is not there has the mark of whatever follows: its key's place says more.
            self.document.values.setdefault(at, _place(event))
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, at)
        self._refuse_properties(event, at)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(at)
        if isinstance(event, yaml.SequenceStartEvent):
            return [self.value(item, (*at, index)) for index, item in enumerate(self._inner())]
        return None  # an alias

    def _inner(self) -> Iterator[yaml.Event]:
        """Yield the first event of each key or item up to the end of the collection."""
        while not isinstance(event := next(self.events), yaml.CollectionEndEvent):
            yield event

    def _mapping(self, at: Location) -> dict[Any, Any]:
        """Return a mapping; of equal keys the first one counts, and each further one is a fault."""
        result: dict[Any, Any] = {}
        for event in self._inner():
            if not isinstance(event, yaml.ScalarEvent):
                self._note(event, (), "a key must be a word or a number")
                self._skipped(event, at)
                self._skipped(next(self.events), at)
                continue
            here = (*at, self._key(event, at))
            if here in self.document.keys:
                reason = f"duplicate key, first on line {self.document.keys[here].line}"
                self._note(event, here, reason, describe(self._skipped(next(self.events), here)))
                continue
            self.document.keys[here] = _place(event)
            inner = next(self.events)
            if _is_left_out(inner) and event.implicit[0] and ":" in event.value:
                # `{0:50%}` is a key of YAML: what a schema says of it would lead elsewhere.
                self._note(event, here, "has no value (no blank behind the colon?)")
                raise ConfigError(self.document.faults)
            result[here[-1]] = self.value(inner, here)
        return result

    def _key(self, event: yaml.ScalarEvent, at: Location) -> str | int:
        key = self._scalar(event, at)
        return key if isinstance(key, str | int) and not isinstance(key, bool) else event.value

    def _skipped(self, event: yaml.Event, at: Location) -> Any:
        """Return a value that is ignored together with its places and faults."""
        return _Reader(Document(self.document.file), self.events).value(event, (*at, "skipped"))

    def _scalar(self, event: yaml.ScalarEvent, at: Location) -> str | int | float | bool | None:
        """Return the value of a scalar; a malformed number is a fault."""
        self._refuse_properties(event, at)
        if not event.implicit[0]:
            return event.value
        try:
            return plain_value(event.value)
        except ValueError:
            reason = "is not a plain number (leading zero or colon?)"
            self._note(event, at, reason, repr(event.value))
            return None

    def _refuse_properties(self, event: Any, at: Location) -> None:
        """Note a fault for an anchor, an alias or a tag."""
        if event.anchor is not None:
            self._note(event, at, "anchors and aliases are not used here")
        elif event.tag is not None:
            self._note(event, at, "tags are not used here", repr(event.tag))

    def _note(self, event: yaml.Event, at: Location, reason: str, got: str = "") -> None:
        place = _place(event)
        fault = Fault(self.document.file, place.line, place.col, key_text(at), reason, got)
        self.document.faults.append(fault)


def _is_left_out(event: yaml.Event) -> bool:
    return isinstance(event, yaml.ScalarEvent) and event.implicit[0] and not event.value


def _place(event: yaml.Event) -> Place:
    mark = cast(yaml.Mark, event.start_mark)
    return Place(mark.line + 1, mark.column + 1)
