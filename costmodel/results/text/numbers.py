"""Numbers as text, with the digits that tables on the mailing list have."""

from __future__ import annotations

THOUSAND = 1000
CELL = 7
"""Width in characters of a number in a column of a table, with room on both sides."""
SPAN = 17
"""Width in characters of an interval across two columns."""
_LONG_SECONDS = 10.0
"""Intervals of times up to this length are printed in milliseconds, longer ones in seconds."""
_SHORT_SECONDS = 1e-4
"""Intervals of times below this length are printed in microseconds."""


def percent(value: float | None, *, room: int = CELL) -> str:
    """Return a percentage of at most ``room`` characters; None is ``-``.

    A rounded zero has no sign. A number that would not fit has fewer digits.

    >>> percent(-0.04), percent(119576.4), percent(3e9)
    ('0.0%', '119576%', '3e+09%')
    """
    if value is None:
        return "-"
    return f"{_fitting(room - 1, (value,))[0]}%"


def milliseconds(seconds: float) -> str:
    """Return seconds as milliseconds with five digits at most.

    >>> milliseconds(0.014328), milliseconds(2.22e-6)
    ('14.328', '0.00222')
    """
    ms = seconds * THOUSAND
    return _digits(ms, (0.1, 5), (100, 3), (1000, 2), (10000, 1), (1e7, 0))


def nanoseconds(value: float) -> str:
    """Return nanoseconds as text with two decimals, or fewer for large numbers.

    >>> nanoseconds(54.6567)
    '54.66'
    """
    return _digits(value, (100, 2), (1000, 1), (1e7, 0))


def interval_text(low: float, high: float, *, room: int = SPAN) -> str:
    """Return an interval of percentages in at most ``room`` characters, if need be in few digits.

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


def factors(low_pct: float, high_pct: float) -> str:
    """Return how far something may lie up or down as a factor: it has no percent to misread.

    >>> factors(2.4, 2.4), factors(2.31, 66)
    ('a factor of 1.024', 'factors of 1.023 to 1.66')
    """
    low, high = (f"{1 + pct / 100:.3f}".rstrip("0").rstrip(".") for pct in (low_pct, high_pct))
    return f"a factor of {low}" if low == high else f"factors of {low} to {high}"


def time_span(low_seconds: float, high_seconds: float) -> str:
    """Return an interval of times with four digits, which are as many as it is worth.

    >>> time_span(0.18312, 0.20423), time_span(9, 12), time_span(1.31e-6, 3.9e-6)
    ('183.1 .. 204.2 ms', '9.000 .. 12.00 s', '1.310 .. 3.900 us')
    """
    unit, scale = ("ms", THOUSAND) if high_seconds < _LONG_SECONDS else ("s", 1)
    if high_seconds < _SHORT_SECONDS:
        unit, scale = "us", THOUSAND**2
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
