"""Loads a user's file; whatever goes wrong becomes one fault with the line where it did."""

from __future__ import annotations

import importlib.util
import inspect
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from costmodel.config.errors import ConfigError, Fault, unknown


def load_function(path: Path, name: str) -> Callable[..., Any]:
    """Import the file and return its function ``name``.

    Raises ConfigError for a file that does not import and for a function that is not there.
    """
    spec = importlib.util.spec_from_file_location(f"costmodel_user_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ConfigError.of(shown(path), "must be a Python file (.py)")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise _fault(path, error.lineno or 0, f"cannot be imported: {error.msg}") from error
    except ConfigError:
        raise
    except Exception as error:  # foreign code: whatever it raises is what is wrong with it
        reason = f"cannot be imported: {type(error).__name__}: {error}"
        raise _fault(path, line_in(path, error), reason) from error
    function = getattr(module, name, None)
    if not callable(function):
        own = [
            key
            for key, value in vars(module).items()
            if inspect.isfunction(value) and value.__module__ == module.__name__
        ]
        raise ConfigError.of(shown(path), unknown("function", name, own), got=repr(name))
    loaded: Callable[..., Any] = function
    return loaded


def fault_in(
    function: Callable[..., Any], reason: str, *, line: int = 0, got: str = ""
) -> ConfigError:
    """Return an error at ``line`` of the file that defines ``function``, or at its definition."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return ConfigError.of("strategy", reason, key=repr(function), got=got)
    place = shown(Path(code.co_filename)), line or code.co_firstlineno
    return ConfigError([Fault(*place, 0, "strategy", reason, got)])


def line_in(path: Path, error: BaseException) -> int:
    """Return the innermost line of a file that an exception passed through, 0 for none."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename) == path]
    return (lines[-1] or 0) if lines else 0


def shown(path: Path) -> str:
    """Return a path as a user would type it: relative where it lies below this directory."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _fault(path: Path, line: int, reason: str) -> ConfigError:
    return ConfigError([Fault(shown(path), line, 0, "strategy", reason)])
