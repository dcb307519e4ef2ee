"""Predict what a change to the kernel's page-table loops costs on machines you do not have.

``costmodel.price("ampere-altra", "folio-batch-v6.9", order=9)`` and what else
:mod:`costmodel.api` offers; it is loaded when first used.
"""

from __future__ import annotations

TYPE_CHECKING = False
# As that of typing, which is not imported here: the command starts here, and ends silently on
# Ctrl-C once costmodel.cli.start is there.

if TYPE_CHECKING:
    from costmodel.api import (
        ConfigError,
        Study,
        cell,
        check,
        explain,
        machine,
        price,
        sensitivity,
        strategy_names,
        study,
        sweep,
        table,
        window,
    )

__version__ = "0.10.0"

__all__ = [
    "ConfigError",
    "Study",
    "cell",
    "check",
    "explain",
    "machine",
    "price",
    "sensitivity",
    "strategy_names",
    "study",
    "sweep",
    "table",
    "window",
]


if not TYPE_CHECKING:  # a type checker refuses what is not in the list above

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from costmodel import api

        return getattr(api, name)


def __dir__() -> list[str]:
    """Return what there is, so that help() and completion see what is loaded when it is used."""
    return sorted({*globals(), *__all__})
