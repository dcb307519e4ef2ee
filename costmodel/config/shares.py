"""Shares of a whole: ``50%`` in files, 0.5 in the package."""

from __future__ import annotations

import re
from typing import Final

_SHARE: Final = re.compile(r"(\d+(\.\d+)?)\s*%")


def share(value: object) -> float | None:
    """Return ``50%`` or ``0.5`` as 0.5; None for anything but a share above 0 and at most 1.

    >>> share("12.5 %")
    0.125
    """
    if isinstance(value, str) and (match := _SHARE.fullmatch(value.strip())):
        value = float(match[1]) / 100
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 < value <= 1 else None
