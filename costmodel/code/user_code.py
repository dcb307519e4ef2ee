"""Runs a user's strategy so that whatever it does wrong becomes one line with its place."""

from __future__ import annotations

import inspect
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from costmodel.code.record import StrategyError
from costmodel.config.errors import ConfigError
from costmodel.strategies.load import fault_in, line_in

T = TypeVar("T")

LIMIT_SECONDS: Final = 10.0
"""One page table takes milliseconds: a strategy that is still at it then never ends."""


def guarded(function: Callable[..., Any], make: Callable[[], T]) -> T:
    """Return ``make()``, which runs the user's ``function``.

    Raises ConfigError with file and line for a StrategyError, for any exception of the user's code
    and for one that runs longer than ``LIMIT_SECONDS``.
    """
    file = inspect.getsourcefile(inspect.unwrap(function)) or ""
    try:
        with _time_limit():
            return make()
    except ConfigError:
        raise
    except StrategyError as error:
        lines = [line for place, line in error.places if place == file]
        line = lines[-1] if lines else line_in(Path(file), error)
        raise fault_in(function, error.reason, line=line, got=error.got) from error
    except Exception as error:  # foreign code: whatever it raises is what is wrong with it
        reason = f"raised {type(error).__name__}: {error}"
        raise fault_in(function, reason, line=line_in(Path(file), error)) from error


@contextmanager
def _time_limit() -> Iterator[None]:
    """Interrupt what runs too long, even if it never yields; only a main thread can do so."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(
        signal, "setitimer"
    ):
        yield
        return
    before = signal.signal(signal.SIGALRM, _give_up)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _give_up(_signal: int, _frame: object) -> None:
    raise StrategyError(f"does not end within {LIMIT_SECONDS:g} s for one page table")
