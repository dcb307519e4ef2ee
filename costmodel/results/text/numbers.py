"""Numbers as the thread prints them."""

from __future__ import annotations

THOUSAND = 1000


def percent(value: float | None) -> str:
    """Return ``-12.7%``; a rounded zero has no sign, nothing is ``-``.

    >>> percent(-0.04)
    '0.0%'
    """
    if value is None:
        return "-"
    return f"{_signed_zero(value, 1)}%"


def milliseconds(seconds: float) -> str:
    """Return seconds as milliseconds with five digits at most.

    >>> milliseconds(0.014328)
    '14.328'
    """
    return _digits(seconds * THOUSAND, (100, 3), (1000, 2), (10000, 1))


def nanoseconds(value: float) -> str:
    """Return nanoseconds with a precision that fits their size.

    >>> nanoseconds(54.6567)
    '54.66'
    """
    return _digits(value, (100, 2), (1000, 1))


def span(low: float, high: float) -> str:
    """Return ``-2.9 .. 15.2%``."""
    return f"{_signed_zero(low, 1)} .. {_signed_zero(high, 1)}%"


def _digits(value: float, *steps: tuple[float, int]) -> str:
    decimals = next((decimals for limit, decimals in steps if abs(value) < limit), 0)
    return f"{value:.{decimals}f}"


def _signed_zero(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text.removeprefix("-") if not float(text) else text
