"""Numbers as the thread prints them."""

from __future__ import annotations

THOUSAND = 1000
CELL = 7
"""Characters of a number in a column of a table, with room on both sides."""
SPAN = 17
"""Characters of a range across two columns."""
_LONG_SECONDS = 10.0
"""From here on an interval is in seconds."""


def percent(value: float | None, *, room: int = CELL) -> str:
    """Return ``-12.7%``; a rounded zero has no sign, nothing is ``-``.

    What would not fit has fewer digits.

    >>> percent(-0.04), percent(119576.4), percent(3e9)
    ('0.0%', '119576%', '3e+09%')
    """
    if value is None:
        return "-"
    return f"{_fitting(room - 1, (value,))[0]}%"


def milliseconds(seconds: float) -> str:
    """Return seconds as milliseconds with five digits at most.

    >>> milliseconds(0.014328)
    '14.328'
    """
    ms = seconds * THOUSAND
    return _digits(ms, (100, 3), (1000, 2), (10000, 1), (1e7, 0))


def nanoseconds(value: float) -> str:
    """Return nanoseconds with a precision that fits their size.

    >>> nanoseconds(54.6567)
    '54.66'
    """
    return _digits(value, (100, 2), (1000, 1), (1e7, 0))


def interval_text(low: float, high: float, *, room: int = SPAN) -> str:
    """Return ``-2.9 .. 15.2%``, with fewer digits where that would not fit.

    >>> interval_text(21899.2, 650943.1)
    '21899 .. 650943%'
    """
    return f"{' .. '.join(_fitting(room - 5, (low, high)))}%"


def fixed(value: float, *, room: int, sign: bool = False) -> str:
    """Return a number with two decimals, or as many as fit; a rounded zero has no sign.

    >>> fixed(54.6567, room=7), fixed(-0.001, room=7, sign=True), fixed(1234567.8, room=7)
    ('54.66', '0.00', '1234568')
    """
    for decimals in (2, 1, 0):
        text = _signed_zero(value, decimals)
        if sign and value > 0 and float(text):
            text = f"+{text}"
        if len(text) <= room:
            return text
    return f"{value:+.1e}" if sign else f"{value:.1e}"


def time_span(low_seconds: float, high_seconds: float) -> str:
    """Return ``4.862 .. 5.301 ms``: times with four digits, as much as an interval is worth.

    >>> time_span(0.18312, 0.20423), time_span(9, 12)
    ('183.1 .. 204.2 ms', '9.000 .. 12.00 s')
    """
    unit, scale = ("ms", THOUSAND) if high_seconds < _LONG_SECONDS else ("s", 1)
    steps = ((10, 3), (100, 2), (1000, 1), (1e5, 0))
    return f"{' .. '.join(_digits(s * scale, *steps) for s in (low_seconds, high_seconds))} {unit}"


def _fitting(room: int, values: tuple[float, ...]) -> list[str]:
    """Return values with one decimal, or as many digits as fit into ``room`` together."""
    for decimals in (1, 0):
        texts = [_signed_zero(value, decimals) for value in values]
        if sum(map(len, texts)) <= room:
            return texts
    return [f"{value:.1g}" for value in values]


def _digits(value: float, *steps: tuple[float, int]) -> str:
    """Return a value with the decimals of the first limit that it is below, else an exponent."""
    for limit, decimals in steps:
        if abs(value) < limit:
            return f"{value:.{decimals}f}"
    return f"{value:.1e}"


def _signed_zero(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text.removeprefix("-") if not float(text) else text
