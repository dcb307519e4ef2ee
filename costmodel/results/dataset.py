"""Results as an xarray dataset: an optional extra, ``pip install costmodel[xarray]``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from costmodel.config.errors import ConfigError
from costmodel.results.document import ResultFile, unique
from costmodel.results.records import ResultCell

if TYPE_CHECKING:
    from xarray import Dataset

_UNITS: Final = {
    "ns_per_pte": "ns", "seconds": "s", "change_pct": "%", "change_stdev_pct": "%",
    "model_low_pct90": "%", "model_high_pct90": "%",
    "model_low_seconds90": "s", "model_high_seconds90": "s",
    "throughput_per_s": "1/s", "throughput_low_per_s90": "1/s", "throughput_high_per_s90": "1/s",
}  # fmt: skip
"""The variables of the dataset and their units."""


def dataset(results: ResultFile) -> Dataset:
    """Return the cells of a result file as an xarray dataset.

    The dimensions are ``machine``, ``strategy``, ``folios``, ``state``, and ``cpus`` and
    ``threads`` where the file has several numbers of them. The coordinate ``folios`` holds folio
    orders, or names where a layout is a mix of orders. The variables are ``ns_per_pte``,
    ``seconds``, ``change_pct``, ``change_stdev_pct``, ``throughput_per_s`` of all CPUs, and the
    ends of the model's 90 % intervals: ``model_low_pct90`` and ``model_high_pct90`` of the change,
    ``model_low_seconds90`` and ``model_high_seconds90`` of the time, ``throughput_low_per_s90`` and
    ``throughput_high_per_s90``. They have their units as an attribute. ``cpi_stack_ns_per_pte`` has
    the dimension ``cause`` too. What was not computed is NaN. Raises ConfigError where xarray is
    not installed.
    """
    try:
        import xarray
    except ImportError:
        reason = "is not installed: pip install 'costmodel[xarray]'"
        raise ConfigError.of("xarray", reason) from None
    simple = all(cell.order is not None for cell in results.cells)
    layouts = unique(cell.layout for cell in results.cells)
    axes: dict[str, list[Any]] = {
        "machine": list(results.machines),
        "strategy": list(results.strategies),
        "folios": [_first(results, layout).order for layout in layouts] if simple else [*layouts],
        "state": [results.first.state],
    }
    counts = {key: sorted({getattr(c, key) for c in results.cells}) for key in ("cpus", "threads")}
    axes |= {key: values for key, values in counts.items() if len(values) > 1}
    causes = sorted({cause for cell in results.cells for cause in cell.cpi_stack_ns_per_pte})
    shape = tuple(len(values) for values in axes.values())
    tables = {name: np.full(shape, np.nan) for name in _UNITS}
    stack = np.full((*shape, len(causes)), np.nan)
    for cell in results.cells:
        at = (
            results.machines.index(cell.machine),
            results.strategies.index(cell.strategy),
            layouts.index(cell.layout),
            0,
            *(axes[key].index(getattr(cell, key)) for key in counts if key in axes),
        )
        for name, value in _values(cell).items():
            tables[name][at] = value
        stack[at] = [cell.cpi_stack_ns_per_pte.get(cause, 0.0) for cause in causes]
    first = results.first
    variables = {
        **{name: (tuple(axes), table, {"units": _UNITS[name]}) for name, table in tables.items()},
        "cpi_stack_ns_per_pte": ((*axes, "cause"), stack, {"units": "ns"}),
    }
    about = {
        "operation": first.operation, "memory_bytes": first.memory_bytes,
        "baseline": results.baseline, "frames": first.frames,
        **{key: values[0] for key, values in counts.items() if key not in axes},
        "settings": "; ".join(first.said), "costmodel": results.version,
        "seed": results.provenance.seed, "noise": int(results.provenance.noise),
    }  # fmt: skip
    return xarray.Dataset(variables, {**axes, "cause": causes}, about)


def _first(results: ResultFile, layout: str) -> ResultCell:
    """Return the first cell of a folio layout."""
    return next(cell for cell in results.cells if cell.layout == layout)


def _values(cell: ResultCell) -> dict[str, float]:
    """Return the values that a cell has, by the name of the variable."""
    low, high = cell.model_interval_pct90 or (None, None)
    low_s, high_s = cell.model_interval_seconds90 or (None, None)
    low_rate, high_rate = cell.model_interval_throughput_per_s90 or (None, None)
    found = {
        "ns_per_pte": cell.ns_per_pte, "seconds": cell.seconds.mean,
        "change_pct": cell.change_pct.mean, "change_stdev_pct": cell.change_pct.stdev,
        "model_low_pct90": low, "model_high_pct90": high,
        "model_low_seconds90": low_s, "model_high_seconds90": high_s,
        "throughput_per_s": cell.operations_per_s,
        "throughput_low_per_s90": low_rate, "throughput_high_per_s90": high_rate,
    }  # fmt: skip
    return {name: value for name, value in found.items() if value is not None}
