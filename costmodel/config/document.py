"""Read YAML so strictly that nothing is guessed: plain values, and where each of them stands.

YAML 1.2 as the composer of ruamel.yaml reads it: ``on`` and ``12:30`` are text, ``1e-9`` is a
number. Duplicate keys, anchors, tags, and numbers with a leading zero are faults.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from costmodel.config.errors import ConfigError, Fault, describe

Location = tuple[str | int, ...]
"""A way from the top of a document to a value: keys and list indices."""

_LARGEST_FILE_BYTES = 1 << 20
_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = {_TAG + name for name in ("str", "timestamp", "merge", "value")}


@dataclass(frozen=True)
class Place:
    """Line and column, from 1."""

    line: int
    col: int


@dataclass
class Document:
    """A YAML file: its top mapping as plain Python, the place of every key and value.

    ``faults`` are those that leave the rest readable (duplicate keys, numbers that are none), so
    that a schema can add its own before all are reported.
    """

    file: str
    data: dict[Any, Any] = field(default_factory=dict)
    keys: dict[Location, Place] = field(default_factory=dict)
    values: dict[Location, Place] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def fault(self, at: Location, reason: str, got: str, *, at_key: bool = False) -> Fault:
        """Return a fault at a location, or at the nearest thing around it that the file has."""
        places = self.keys if at_key else self.values
        shown = at
        while at and at not in places:
            at, places = at[:-1], self.keys
        # Data that no file holds (an override) has no places at all.
        place = places.get(at) or (Place(1, 1) if self.values else Place(0, 0))
        return Fault(self.file, place.line, place.col, key_text(shown), reason, got)


def key_text(location: Location) -> str:
    """Return a location as it is written in messages: ``('a', 'b', 0)`` is ``a.b[0]``."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def read_document(path: Path) -> Document:
    """Read a YAML file whose top is a mapping; raise ConfigError where there is none."""
    return parse_document(_read_text(path), str(path))


def parse_document(text: str, file: str) -> Document:
    """Parse YAML text whose top is a mapping; ``file`` names it in messages."""
    root = _compose(text, file)
    if root is None:
        raise ConfigError([Fault(file, 1, 1, reason="is empty", got="nothing")])
    document = Document(file)
    data = _value(root, (), document)
    if not isinstance(data, dict):
        raise ConfigError(
            [*document.faults, document.fault((), "must be a mapping of keys", describe(data))]
        )
    document.data = data
    return document


def parse_scalar(text: str) -> object:
    """Return the value of an option such as ``true``, ``1e-9`` or ``1 GiB``, by the same rules."""
    document = Document("value")
    try:
        root = _compose(text, "value")
    except ConfigError:
        return text
    value = None if root is None else _value(root, (), document)
    return text if document.faults else value


def _read_text(path: Path) -> str:
    """Return the text of a file; every way in which it has none is a fault."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(_LARGEST_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError.of(str(path), f"cannot be read: {reason}") from None
    if len(raw) > _LARGEST_FILE_BYTES:
        raise ConfigError.of(str(path), f"is larger than {_LARGEST_FILE_BYTES} bytes")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line, col = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        got = f"byte 0x{raw[error.start]:02x}"
        fault = Fault(str(path), line, col, reason="is not UTF-8 text", got=got)
        raise ConfigError([fault]) from None


def _compose(text: str, file: str) -> Node | None:
    """Return the node tree of a YAML text, None if there is nothing in it."""
    try:
        root: Node | None = YAML(typ="rt", pure=True).compose(text)
    except RecursionError:
        raise ConfigError([Fault(file, 1, 1, reason="is nested too deeply")]) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, col = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        reason = f"is not YAML: {error.problem or error.context}"
        raise ConfigError([Fault(file, line, col, reason=reason)]) from None
    except ReaderError as error:
        before = text[: error.position]
        line, col = before.count("\n") + 1, error.position - before.rfind("\n")
        reason, got = "is not YAML: a character that no text has", repr(text[error.position])
        raise ConfigError([Fault(file, line, col, reason=reason, got=got)]) from None
    return root


def _value(node: Node, at: Location, document: Document) -> Any:
    """Return a node as plain Python and note its places and faults in the document."""
    if node.start_mark.index != node.end_mark.index or not at:
        # A value that is not there has the mark of whatever follows: its key's place says more.
        document.values.setdefault(at, Place(node.start_mark.line + 1, node.start_mark.column + 1))
    if node.anchor is not None:
        document.faults.append(document.fault(at, "anchors and aliases are not used here", ""))
        return None
    if isinstance(node, MappingNode):
        return _mapping(node, at, document)
    if isinstance(node, SequenceNode):
        return [_value(item, (*at, index), document) for index, item in enumerate(node.value)]
    return _scalar(cast(ScalarNode, node), at, document)


def _mapping(node: MappingNode, at: Location, document: Document) -> dict[Any, Any]:
    """Return a mapping; of equal keys the first counts and every further one is a fault."""
    result: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        place = Place(key_node.start_mark.line + 1, key_node.start_mark.column + 1)
        if not isinstance(key_node, ScalarNode):
            reason = "a key must be a word or a number"
            document.faults.append(Fault(document.file, place.line, place.col, reason=reason))
            continue
        key = _scalar(key_node, at, document)
        key = key if isinstance(key, str | int) and not isinstance(key, bool) else key_node.value
        here = (*at, key)
        if key in result:
            reason = f"duplicate key, first on line {document.keys[here].line}"
            got = describe(_value(value_node, (*here, "duplicate"), Document(document.file)))
            fault = Fault(document.file, place.line, place.col, key_text(here), reason, got)
            document.faults.append(fault)
            continue
        document.keys[here] = place
        result[key] = _value(value_node, here, document)
    return result


def _scalar(node: ScalarNode, at: Location, document: Document) -> str | int | float | bool | None:
    """Return the value of a scalar node; a number that Python would read otherwise is a fault."""
    tag, text = str(node.tag), node.value
    if tag == _TAG + "null":
        return None
    if tag == _TAG + "bool":
        # A %YAML 1.1 directive would turn `on` and `yes` into booleans: they stay text.
        return text.lower() == "true" if text.lower() in ("true", "false") else str(text)
    try:
        if tag == _TAG + "int":
            return int(text, 0)
        if tag == _TAG + "float":
            return float(text.replace(".inf", "inf").replace(".nan", "nan").lower())
    except ValueError:
        reason = "is not a plain number (leading zero or colon?)"
        document.faults.append(document.fault(at, reason, repr(text)))
        return None
    if tag not in _PLAIN_TAGS:
        document.faults.append(document.fault(at, "tags are not used here", repr(tag)))
    # The round-trip reader of ruamel.yaml marks the folds of a ">" text with a BEL character.
    return str(text).replace("\a", "")
