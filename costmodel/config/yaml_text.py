"""Reads the text of YAML files, splits it into YAML events, and words syntax errors.

Words without quotes mean what YAML 1.2 says. PyYAML has the rules of YAML 1.1, by which ``1e-9`` is
text, ``010`` is 8, ``12:30`` is 750 and ``on`` is true.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from yaml.reader import ReaderError

from costmodel.config.errors import ConfigError, Fault
from costmodel.files import read_bounded
from costmodel.units import MIB

_LARGEST_FILE_BYTES = MIB
# libyaml where PyYAML was built with it: twenty times faster than Python.
_PARSER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_SHIPPED_PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_bytes(path: Path) -> bytes:
    """Return the content of a file of at most 1 MiB.

    Raises ConfigError where it cannot be read or is larger.
    """
    return bounded(path, _LARGEST_FILE_BYTES)


def bounded(path: Path, most_bytes: int, *, pipes: bool = False) -> bytes:
    """Return the content of a file of at most ``most_bytes``.

    ``pipes`` is that of :func:`costmodel.files.read_bounded`. Raises ConfigError where the file
    cannot be read or is larger.
    """
    try:
        return read_bounded(path, most_bytes, pipes=pipes)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        own = reason.startswith("is ")
        raise ConfigError.of(str(path), reason if own else f"cannot be read: {reason}") from None


def decoded(raw: bytes, file: str) -> str:
    """Return bytes as UTF-8 text; raise ConfigError, with line and column, where they are not."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line, col = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        got = f"byte 0x{raw[error.start]:02x}"
        raise ConfigError([Fault(file, line, col, reason="is not UTF-8 text", got=got)]) from None


def read_text(path: Path) -> str:
    """Return the text of a file; raise ConfigError where it cannot be read as UTF-8 text."""
    return decoded(read_bytes(path), str(path))


def shipped(package: str, *names: str) -> Any:
    """Return the content of a YAML file of this package, such as ``costmodel.code, data, x.yaml``.

    Tests hold these files to the strict reader, which is fifty times slower.
    """
    text = files(package).joinpath(*names).read_text(encoding="utf-8")
    return yaml.load(text, Loader=_SHIPPED_PARSER)


def events_of(text: str) -> Iterator[yaml.Event]:
    """Yield the parser's events of a YAML text with their places, as they are read."""
    return yaml.parse(text, Loader=_PARSER)


def syntax_fault(text: str, file: str, error: Exception) -> Fault:
    """Return the fault of a text that is not YAML, in the same words with and without libyaml.

    ``error`` is what the parser raised.
    """
    try:
        for _ in yaml.parse(text, Loader=yaml.BaseLoader):
            pass
    except yaml.YAMLError as found:
        error = found
    except (ValueError, OverflowError):
        pass  # an escape beyond Unicode, which only libyaml has words for
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line, col = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        return Fault(file, line, col, reason=f"is not YAML: {error.problem or error.context}")
    if isinstance(error, ReaderError):
        before = text[: error.position]
        line, col = before.count("\n") + 1, error.position - before.rfind("\n")
        reason, got = "is not YAML: a character that no text has", repr(text[error.position])
        return Fault(file, line, col, reason=reason, got=got)
    return Fault(file, 1, 1, reason="is not YAML: an escape that is no character")


_NULL = ("", "~", "null", "Null", "NULL")
_TRUE = ("true", "True", "TRUE")
_FALSE = ("false", "False", "FALSE")
_INTEGER = re.compile(r"[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0o[0-7_]+|[0-9][0-9_]*)")
_FLOAT = re.compile(
    r"[-+]?([0-9][0-9_]*(\.[0-9_]*)?|\.[0-9][0-9_]*)([eE][-+]?[0-9]+)?"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)


def plain_value(text: str) -> str | int | float | bool | None:
    """Return the value that a word means; raise ValueError for a number such as ``010``.

    >>> plain_value("1e-9"), plain_value("0o10"), plain_value("on"), plain_value("12:30")
    (1e-09, 8, 'on', '12:30')
    """
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _INTEGER.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text
