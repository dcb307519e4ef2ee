"""The points of a sweep: all of a grid, or a sample that fills the space evenly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from costmodel.arrays import Floats
from costmodel.config.document import Document, Location, Place
from costmodel.config.machine import Machine
from costmodel.config.schema import STRICT, Problem, validated
from costmodel.parallel import apart
from costmodel.sweeps.axes import Number, SweepAxis, bounds, owned_key

MOST_POINTS = 10_000_000


def option_of(key: str) -> str:
    """Return the command-line option of a key.

    >>> option_of("sample_seed")
    '--sample-seed'
    """
    return f"--{key.replace('_', '-')}"


class Design(BaseModel):
    """How the points of a sweep are chosen."""

    model_config = STRICT

    sample: Literal["grid", "sobol", "lhs"] = "grid"
    """grid: every combination; sobol: a Sobol sequence; lhs: a Latin hypercube."""
    points: Annotated[int, Field(ge=2, le=MOST_POINTS)] | None = None
    """Number of points of a sample, for a Sobol sequence a power of two; a grid has none."""
    sample_seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 1
    """Seed of the sample."""

    def changed(
        self, options: Mapping[str, object], *, option: Callable[[str], str] = option_of
    ) -> Design:
        """Return the design with the keys in ``options`` changed.

        ``option`` returns the name of the option for a key, which messages use. Raises ConfigError
        with every wrong value.
        """
        data = self.model_dump(exclude_unset=True) | dict(options)
        values: dict[Location, Place] = {
            (key,): Place(file=option(key), names_key=True) for key in options
        }
        return validated(Design, Document("", data, values=values))

    def problems(self) -> Iterator[Problem]:
        """Yield a problem for each contradiction between the kind of sample and its points.

        A grid has no number of points, a sample needs one, and a Sobol sequence is balanced only
        for powers of two.
        """
        if self.sample == "grid" and self.points is not None:
            yield ("points",), "is for sobol and lhs: a grid has what its axes say", self.points
        if self.sample != "grid" and self.points is None:
            yield ("points",), f"is needed for {self.sample}", None
        if self.sample == "sobol" and self.points and self.points & (self.points - 1):
            yield ("points",), "must be a power of two for sobol", self.points


def unit_points(axes: Sequence[SweepAxis], design: Design) -> Floats:
    """Return the points of a sweep as shares of the way along each axis, float64[points, axes].

    0 is the low end of a range, or its first listed value; 1 is the other end. In a grid the last
    axis changes fastest. Without axes there is one point, with no column. Samples are drawn in a
    process of their own.
    """
    if not axes:
        return np.zeros((1, 0))
    if design.sample == "grid":
        ways = [np.linspace(0, 1, len(axis.values) or axis.count or 1) for axis in axes]
        return np.stack([way.ravel() for way in np.meshgrid(*ways, indexing="ij")], axis=1)
    # scipy.stats takes forty megabytes in every process that loads it.
    return apart(_sampled, design.sample, len(axes), design.points or 1, design.sample_seed)


def _sampled(sample: str, dimensions: int, count: int, seed: int) -> Floats:
    from scipy.stats import qmc

    kind = qmc.LatinHypercube if sample == "lhs" else qmc.Sobol
    return np.asarray(kind(dimensions, seed=seed).random(count))


@dataclass(frozen=True)
class Column:
    """The values of one axis at all points on one machine.

    ``key`` is the number of the machine; ``values``, [points], has its type.
    """

    key: str
    values: NDArray[np.generic]

    def typed(self, at: int) -> Number:
        """Return the value at point ``at`` as a number, text or truth value of Python."""
        value: Number = self.values[at].item()
        return value


def columns(
    axes: Sequence[SweepAxis], shares: Floats, machine: Machine, *, grid: bool
) -> dict[str, Column]:
    """Return the values of each axis on a machine, by the key of the axis.

    ``shares`` are the points of :func:`unit_points`. Axes of other machines are left out.
    """
    found = {}
    for position, axis in enumerate(axes):
        key = owned_key(axis.key, machine)
        if key is not None:
            values = _values(axis, shares[:, position], machine, key, grid=grid)
            found[axis.key] = Column(key, values)
    return found


def _values(
    axis: SweepAxis, shares: Floats, machine: Machine, key: str, *, grid: bool
) -> NDArray[np.generic]:
    number = machine.parameters[key].value
    if axis.is_listed:
        count = len(axis.values)
        at = np.rint(shares * (count - 1)) if grid else np.minimum(shares * count, count - 1)
        listed = [float(v) for v in axis.values] if isinstance(number, float) else axis.values
        return np.array(listed)[at.astype(np.int64)]
    low, high = bounds(axis, machine, key)
    if not isinstance(number, int):
        return axis.at(shares, low, high)
    if grid:
        return np.rint(axis.at(shares, low, high)).astype(np.int64)
    whole = np.floor(axis.at(shares, round(low), round(high) + 1)).astype(np.int64)
    return np.minimum(whole, round(high))


def order_of(found: Sequence[Column], points: int) -> NDArray[np.int64]:
    """Return the order in which points are computed, int64[points].

    Whole numbers and choices with few values change slowest: they decide the program that a trace
    becomes for the core model, and one program serves all points between two of their changes.
    """
    few = [column.values for column in found if column.values.dtype.kind != "f"]
    few.sort(key=lambda values: len(np.unique(values)))
    if not few:
        return np.arange(points)
    # The last key of lexsort is the first to sort by; equal points keep their order.
    return np.asarray(np.lexsort([np.unique(v, return_inverse=True)[1] for v in reversed(few)]))
