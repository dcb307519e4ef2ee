"""The special functions of scipy that every table needs, without all that scipy loads besides."""

from __future__ import annotations

import importlib
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Final

_PACKAGE: Final = "scipy.special"


@cache
def functions() -> Any:
    """Return the module of ``scipy.special`` that its functions of numbers are compiled in.

    The package itself looks at all of numpy and writes documentation for other array libraries,
    which takes a quarter of the time of a short question. So it is hidden while its module is
    loaded; who imports it later gets it as ever, with the same functions.
    """
    if _PACKAGE in sys.modules:
        return importlib.import_module(_PACKAGE)
    scipy = importlib.import_module("scipy")
    bare = ModuleType(_PACKAGE)
    bare.__path__ = [str(Path(place) / "special") for place in scipy.__path__]
    sys.modules[_PACKAGE] = bare
    try:
        return importlib.import_module(f"{_PACKAGE}._ufuncs")
    except ImportError:  # another version of scipy
        del sys.modules[_PACKAGE]
        return importlib.import_module(_PACKAGE)
    finally:
        if sys.modules.get(_PACKAGE) is bare:
            del sys.modules[_PACKAGE]
