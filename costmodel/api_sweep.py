"""The function that prices a question at many points; part of :mod:`costmodel.api`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from costmodel.arguments import (
    MachineLike,
    Number,
    Order,
    all_but,
    check_count,
    question_of,
)

if TYPE_CHECKING:
    from costmodel.sweeps.folder import SweepFolder


def sweep(
    into: str | PathLike[str],
    over: Mapping[str, object],
    *,
    scenario: str | PathLike[str] | None = None,
    machines: MachineLike | Sequence[MachineLike] | None = None,
    strategies: str | Sequence[str] | None = None,
    orders: Order | Sequence[Order] | None = None,
    baseline: str | None = None,
    operation: str | None = None,
    memory: str | int | None = None,
    state: str | None = None,
    frames: str | Mapping[str, str] | None = None,
    overrides: Mapping[str, Number] | None = None,
    sample: str = "grid",
    points: int | None = None,
    sample_seed: int = 1,
    jobs: int = 1,
) -> SweepFolder:
    """Price a question at many points, write the results into the folder ``into``, and return it.

    ``over`` maps each key that varies to its values or its range, as in a study file:
    ``{"tlbi.broadcast_ns": "5..500:20:log", "memory": ["64 MiB", "1 GiB"]}``. ``sample`` says how
    points are chosen: ``grid`` takes every combination, ``sobol`` and ``lhs`` (a Latin hypercube)
    draw ``points`` of them with ``sample_seed``. Pieces of the result that the folder has already
    are kept, so a sweep that was stopped goes on. ``tables()`` of the folder yields the results,
    each a mapping from column name to an array with one value per row; docs/sweep.md describes the
    columns. Raises ConfigError for a faulty question, and for a folder that holds anything else.
    """
    wanted = all_but(
        locals(), "into", "over", "scenario", "machines", "overrides",
        "sample", "points", "sample_seed", "jobs",
    )  # fmt: skip
    from costmodel.sweeps.axes import axes_of
    from costmodel.sweeps.design import Design
    from costmodel.sweeps.folder import SweepFolder
    from costmodel.sweeps.study import sweep_study
    from costmodel.sweeps.work import compute, local

    check_count("jobs", jobs)
    asked, loaded = question_of(scenario, machines, wanted, overrides)
    options = {"sample": sample, "points": points, "sample_seed": sample_seed}
    design = Design().changed(options, option=str)
    made = sweep_study(asked, loaded, axes_of(over), design, origin="over")
    folder = SweepFolder.made_for(Path(into), made, origin="into")
    with local(jobs, made) as executor:
        compute(made, folder, executor, workers=jobs)
    return folder
