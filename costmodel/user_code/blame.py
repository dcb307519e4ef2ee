"""Errors in a user's code: what was wrong, and in which of its lines."""

from __future__ import annotations

import functools
import inspect
import sysconfig
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

from costmodel.config.errors import ConfigError, Fault

_LONGEST_TEXT: Final = 200
_PACKAGE: Final = Path(__file__).resolve().parent.parent
_OTHERS: Final = tuple({Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")})

Place = tuple[str, int]
"""A file, and a line in it."""


class StrategyError(Exception):
    """Raised where a strategy does something that no strategy may do; the text says what.

    ``got`` is the offending value, ready to print. ``places`` are the files and lines at which the
    strategy and the generators in it were, outermost first. Users get it as a ConfigError.
    """

    def __init__(self, reason: str, *, got: str = "", places: Iterable[Place] = ()) -> None:
        """Create the error of a reason."""
        super().__init__(f"{reason} (got {got})" if got else reason)
        self.reason = reason
        self.got = got
        self.places = tuple(places)

    def at(self, places: Iterable[Place]) -> StrategyError:
        """Return the same error with the places at which the strategy was."""
        return StrategyError(self.reason, got=self.got, places=places)


class Culprit:
    """The code of a user, so that faults name its own lines."""

    def __init__(self, file: str, shown: str) -> None:
        """Blame ``file``, an absolute path, which messages call ``shown``; it may be empty."""
        self._shown = {file: shown} if file else {}
        self._name = shown
        self._defined: Place | None = None

    def begins(self, place: Place | None) -> None:
        """Note where the function begins, which is the place of faults without a line."""
        self._defined = place
        if place is not None:
            self._shown.setdefault(place[0], shown(Path(place[0])))

    def error(self, error: BaseException, *, importing: bool = False) -> ConfigError:
        """Return an exception as a ConfigError at the user's line that it came from.

        ``importing``: it was raised while the code was imported.
        """
        if isinstance(error, ConfigError):
            return error
        places = list(_places_of(error))
        if isinstance(error, StrategyError):
            return self.fault(error.reason, [*places, *error.places], got=error.got)
        if isinstance(error, SyntaxError) and importing:
            at = [(error.filename or "", error.lineno or 0)]
            return self.fault(f"cannot be imported: {error.msg}", [*places, *at])
        if isinstance(error, SystemExit):
            reason = f"ends the process: sys.exit({_text_of(error)})"
            return self.fault(reason, places)
        if isinstance(error.__cause__, StopIteration):  # Python made another exception of it
            places += _places_of(error.__cause__)
        verb = "cannot be imported:" if importing else "raised"
        return self.fault(f"{verb} {told(error)}", places)

    def at(self, frame: FrameType | None, reason: str, *, within: CodeType) -> ConfigError:
        """Return the fault of code that was interrupted at ``frame`` and called by ``within``."""
        places = []
        while frame is not None and frame.f_code is not within:
            places.append((frame.f_code.co_filename, frame.f_lineno))
            frame = frame.f_back
        return self.fault(reason, places[::-1])

    def fault(self, reason: str, places: Iterable[Place] = (), *, got: str = "") -> ConfigError:
        """Return a ConfigError at the innermost of ``places`` that is in the user's file.

        If there is none, it is at the innermost one outside this package and Python, and else where
        the function begins. ``got`` is the offending value, ready to print.
        """
        known = [place for place in places if place[1]]
        theirs = [place for place in known if _is_users(place[0])]
        own = [place for place in known if place[0] in self._shown]
        file, line = [self._defined or ("", 0), *theirs[-1:], *own[-1:]][-1]
        where = self._shown.get(file) or (shown(Path(file)) if file else self._name)
        return ConfigError([Fault(where, line, 0, "strategy", reason, got)])


def place_of(function: Callable[..., Any]) -> Place | None:
    """Return where a function, a partial of one, or a callable object is defined."""
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None)
    code = code or getattr(getattr(type(function), "__call__", None), "__code__", None)  # noqa: B004
    return None if code is None else (code.co_filename, code.co_firstlineno)


def told(error: BaseException) -> str:
    """Return an exception as ``Name: text``, even if asking for its text fails."""
    text = _text_of(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def shown(path: Path) -> str:
    """Return a path as a user would type it: relative if it is below the working directory."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (OSError, ValueError):
        return str(path)


def _places_of(error: BaseException) -> Iterator[Place]:
    for frame, line in traceback.walk_tb(error.__traceback__):
        yield frame.f_code.co_filename, line


def _is_users(file: str) -> bool:
    path = Path(file)
    if file.startswith("<") or path.is_relative_to(_PACKAGE):
        return False
    return not any(path.is_relative_to(other) for other in _OTHERS)


def _text_of(error: BaseException) -> str:
    """Return the text of an exception, shortened; empty if asking for it fails."""
    try:
        text = str(error)
    except BaseException:  # a user's code: its text may do anything, too
        return ""
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 4] + " ..."
