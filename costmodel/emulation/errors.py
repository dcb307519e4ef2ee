"""The error that stops a recording: one line that says where and why."""

from __future__ import annotations

from costmodel.config.errors import ConfigError


def refuse(origin: str, reason: str, *, got: str = "") -> ConfigError:
    """Return the error to raise: ``origin`` is a file, an option or ``file: symbol``."""
    return ConfigError.of(origin, reason, got=got)
