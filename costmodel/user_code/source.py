"""Loads the function of a user's strategy from a file or from another package."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from costmodel.config.errors import ConfigError, unknown
from costmodel.user_code.blame import Culprit, shown


@dataclass(frozen=True)
class Source:
    """Where a function is: in a Python file, or where an entry point says (then ``file`` is empty).

    ``file`` is an absolute path, ``shown`` what messages call it. ``version`` changes with the
    content of the file.
    """

    file: str
    shown: str
    function: str
    version: int = 0

    @classmethod
    def of_file(cls, path: Path, function: str) -> Source:
        """Return the source of ``function`` in the present content of a file."""
        path = path.resolve()
        return cls(str(path), shown(path), function, path.stat().st_mtime_ns)

    @classmethod
    def of_package(cls, entry: EntryPoint) -> Source:
        """Return the source of an entry point."""
        return cls("", f"entry point {entry.name}", entry.value)

    def culprit(self) -> Culprit:
        """Return the code that faults are attributed to."""
        return Culprit(self.file, self.shown)

    def load(self) -> Callable[..., Any]:
        """Import the file or the package, and return the function.

        Raises ConfigError where the function is not there, and whatever the import raises.
        """
        if not self.file:
            loaded: Callable[..., Any] = EntryPoint("", self.function, "").load()
            return loaded
        module = _imported(Path(self.file))
        function = getattr(module, self.function, None)
        if callable(function):
            loaded = function
            return loaded
        own = [
            key
            for key, value in vars(module).items()
            if inspect.isfunction(value) and value.__module__ == module.__name__
        ]
        reason = unknown("function", self.function, own)
        raise ConfigError.of(self.shown, reason, got=repr(self.function))


def _imported(path: Path) -> Any:
    """Import a file as Python runs a script, so that it can import files beside it."""
    spec = importlib.util.spec_from_file_location(f"costmodel_user_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ConfigError.of(shown(path), "must be a Python file (.py)")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.append(str(path.parent))
    spec.loader.exec_module(module)
    return module
