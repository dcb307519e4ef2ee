"""What depends on a trace alone (or on few machine numbers) is worked out once and kept on it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from costmodel.trace import Trace

T = TypeVar("T")
_ATTRIBUTE = "_core_memo"


def remembered(trace: Trace, key: Hashable, make: Callable[[], T]) -> T:
    """Return ``make()``, computed once per trace and key.

    The results live as long as the trace: traces hold arrays and cannot be keys of a dictionary.
    """
    memo: dict[Hashable, Any] = vars(trace).setdefault(_ATTRIBUTE, {})
    if key not in memo:
        memo[key] = make()
    result: T = memo[key]
    return result
