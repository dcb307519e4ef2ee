"""What depends on a trace alone (or on few machine numbers) is worked out once and kept on it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from costmodel.code.trace import Trace

T = TypeVar("T")
_ATTRIBUTE = "_core_memo"
_LARGE = 12
"""Results of the length of a trace that are kept at most, over all traces."""
_large: deque[tuple[Trace, Hashable]] = deque()


def remembered(trace: Trace, key: Hashable, make: Callable[[], T], *, large: bool = False) -> T:
    """Return ``make()``, computed once per trace and key.

    The results live as long as the trace: traces hold arrays and cannot be keys of a dictionary.
    ``large`` ones are forgotten when a few others have been made since: they serve machines that
    are looked at one after the other, and thousands of traces may be alive.
    """
    memo: dict[Hashable, Any] = vars(trace).setdefault(_ATTRIBUTE, {})
    if key in memo:
        known: T = memo[key]
        return known
    result = memo[key] = make()
    if large:
        _large.append((trace, key))
        if len(_large) > _LARGE:
            oldest, its_key = _large.popleft()
            vars(oldest)[_ATTRIBUTE].pop(its_key, None)
    return result
