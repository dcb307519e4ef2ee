"""The meaning of words without quotes in YAML 1.2.

PyYAML has the rules of YAML 1.1, by which ``1e-9`` is text, ``010`` is 8, ``12:30`` is 750 and
``on`` is true.
"""

from __future__ import annotations

import re

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
