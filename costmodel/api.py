"""What scripts and notebooks call: price a strategy, put several beside each other, draw them.

Everything here is also an attribute of the package: ``costmodel.price(...)``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

from costmodel import __version__
from costmodel.arguments import (
    MachineLike,
    Number,
    Order,
    all_but,
    check_count,
    check_flag,
    check_operation,
    machine_of,
    question_of,
)
from costmodel.config.errors import ConfigError, describe
from costmodel.config.machine import Machine
from costmodel.experiment import Cell, run_cell
from costmodel.ineffective import ineffective_by_machine
from costmodel.operations.registry import DEFAULT
from costmodel.plan import plan
from costmodel.strategies.catalogue import built_in
from costmodel.studies import Price, Study, study_of

if TYPE_CHECKING:
    from costmodel.explaining.sensitivity import Sensitivity
    from costmodel.results.plots.picture import Picture
    from costmodel.sweeps.folder import SweepFolder

P = ParamSpec("P")


def machine(
    name: MachineLike,
    *,
    rename: str | None = None,
    changes: Mapping[str, Number] | None = None,
) -> Machine:
    """Return a machine, with some of its numbers changed: ``{"tlbi.range": True}``.

    A machine that does not exist deserves another name: ``rename``. Raises ConfigError for an
    unknown machine or key, a number that physics does not allow, or a name that is none.
    """
    made = machine_of(name).with_values(changes or {}, origin="changes")
    return made if rename is None else made.renamed(rename)


def study(
    scenario: str | PathLike[str] | None = None,
    *,
    machines: MachineLike | Sequence[MachineLike] | None = None,
    strategies: str | Sequence[str] | None = None,
    orders: Order | Sequence[Order] | None = None,
    baseline: str | None = None,
    title: str | None = None,
    operation: str | None = None,
    memory: str | int | None = None,
    state: str | None = None,
    frames: str | Mapping[str, str] | None = None,
    contpte: bool | None = None,
    cpus: int | None = None,
    build: str | None = None,
    threads: int | None = None,
    runs: int | None = None,
    iterations: int | None = None,
    seed: int | None = None,
    overrides: Mapping[str, Number] | None = None,
    noise: bool = True,
    jobs: int = 1,
) -> Study:
    """Run a scenario (a name or a path), or what the arguments say, and compare with a baseline.

    Arguments replace what the scenario says; None leaves it as it is. ``overrides`` are numbers
    that differ from the machine files (``{"ampere-altra.tlbi.range": True}``), and come after those
    of the scenario. Without a scenario: fork of 1 GiB of order-0 folios on the Ampere Altra,
    against v6.7. Raises ConfigError with every fault.
    """
    wanted = all_but(locals(), "scenario", "machines", "overrides", "noise", "jobs")
    check_flag("noise", noise)
    check_count("jobs", jobs)
    asked, loaded = question_of(scenario, machines, wanted, overrides)
    return study_of(asked, loaded, noise=noise, jobs=jobs)


def _printed(function: Callable[P, Study]) -> Callable[P, str]:
    """Return a function that takes the same arguments and returns the study as text."""

    @wraps(function)
    def printed(*positional: P.args, **keywords: P.kwargs) -> str:
        return str(function(*positional, **keywords))

    printed.__name__ = printed.__qualname__ = "table"
    printed.__doc__ = "Return the table of :func:`study`, which takes the same arguments."
    printed.__annotations__ = {**function.__annotations__, "return": "str"}
    return printed


table = _printed(study)


def price(
    machine: MachineLike,
    strategy: str,
    *,
    order: Order = 0,
    operation: str | None = None,
    memory: str | int | None = None,
    state: str | None = None,
    frames: str | Mapping[str, str] | None = None,
    contpte: bool | None = None,
    cpus: int | None = None,
    build: str | None = None,
    threads: int | None = None,
    runs: int | None = None,
    iterations: int | None = None,
    seed: int | None = None,
    overrides: Mapping[str, Number] | None = None,
    noise: bool = False,
) -> Price:
    """Return what one strategy costs: ``ns_per_pte``, its CPI stack and its micro-ops.

    Arguments are as for :func:`study`; the default question is the same. Printed it is one line,
    and what must be said beside the number (``cautions``). Raises ConfigError with every fault.
    """
    arguments = all_but(locals(), "noise")
    check_flag("noise", noise)
    return Price.of(run_cell(cell(**arguments), noise=noise))


def cell(
    machine: MachineLike,
    strategy: str,
    *,
    order: Order = 0,
    operation: str | None = None,
    memory: str | int | None = None,
    state: str | None = None,
    frames: str | Mapping[str, str] | None = None,
    contpte: bool | None = None,
    cpus: int | None = None,
    build: str | None = None,
    threads: int | None = None,
    runs: int | None = None,
    iterations: int | None = None,
    seed: int | None = None,
    overrides: Mapping[str, Number] | None = None,
) -> Cell:
    """Return the cell of one strategy: what :func:`price` runs."""
    rest = all_but(locals(), "machine", "strategy", "order", "overrides")
    wanted = {"strategies": [strategy], "baseline": strategy, "orders": [order]} | rest
    asked, loaded = question_of(None, [machine], wanted, overrides, called=_ONE)
    return plan(asked, loaded).cells[0]


_ONE = {
    "machines": "machine",
    "strategies": "strategy",
    "baseline": "strategy",
    "orders": "order",
}
"""Arguments of functions that ask about one strategy, by those of :func:`study`."""


def explain(
    machine: MachineLike,
    strategy: str,
    *,
    vs: str = "v6.7",
    order: Order = 0,
    operation: str | None = None,
    memory: str | int | None = None,
    state: str | None = None,
    frames: str | Mapping[str, str] | None = None,
    contpte: bool | None = None,
    cpus: int | None = None,
    build: str | None = None,
    threads: int | None = None,
    overrides: Mapping[str, Number] | None = None,
) -> str:
    """Return why ``strategy`` costs more or less than ``vs``: what ``costmodel explain`` prints."""
    arguments = all_but(locals(), "strategy", "vs")
    from costmodel.checking.verdict import verdicts_of
    from costmodel.explaining.attribution import explained as attribute
    from costmodel.results.text.explanation import explanation_text

    new, base = (cell(strategy=name, **arguments) for name in (strategy, vs))
    found = attribute(new, base)
    idle = ineffective_by_machine([found.base.result, found.new.result])[new.machine.name]
    verdicts = verdicts_of((new, base))
    text = explanation_text(found, version=__version__, idle=idle, verdicts=verdicts)
    return text.rstrip()


def sensitivity(
    machine: MachineLike,
    strategy: str,
    *,
    vs: str | None = None,
    order: Order = 0,
    operation: str | None = None,
    memory: str | int | None = None,
    state: str | None = None,
    frames: str | Mapping[str, str] | None = None,
    contpte: bool | None = None,
    cpus: int | None = None,
    build: str | None = None,
    overrides: Mapping[str, Number] | None = None,
    jobs: int = 1,
) -> Sensitivity:
    """Return which unknown numbers of a machine decide a time, or a change against ``vs``.

    Raises ConfigError with every fault.
    """
    arguments = all_but(locals(), "strategy", "vs", "jobs")
    from costmodel.explaining.sensitivity import sensitivity_of

    check_count("jobs", jobs)
    baseline = None if vs is None else cell(strategy=vs, **arguments)
    return sensitivity_of(cell(strategy=strategy, **arguments), baseline, jobs=jobs)


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
    """Price a question over ranges of numbers into a folder, and return the folder.

    ``over`` maps what varies to its values or its range, as in a study file:
    ``{"tlbi.broadcast_ns": "5..500:20:log", "memory": ["64 MiB", "1 GiB"]}``. Chunks that are
    there already are kept. Raises ConfigError with every fault.
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
    with local(jobs) as executor:
        compute(made, folder, executor, workers=jobs)
    return folder


def check(
    strategy: str,
    *,
    layouts: int = 200,
    contpte: bool = False,
    seed: int = 0,
    operation: str = DEFAULT,
) -> str:
    """Return what ``costmodel check`` prints: ``ok``, or what is broken on which layout."""
    from costmodel.checking.check import check_strategy as run_check
    from costmodel.checking.check import describe_prices, standard_layouts
    from costmodel.checking.check import report_text as described
    from costmodel.checking.priced import mispriced
    from costmodel.checking.subjects import find_subjects
    from costmodel.mm.layouts import telling_layouts

    if not isinstance(strategy, str):
        raise ConfigError.of(
            "strategy", "must be a name, or file.py:function", got=describe(strategy)
        )
    check_count("layouts", layouts, least=0)
    check_count("seed", seed, least=0)
    check_flag("contpte", contpte)
    check_operation(operation)
    subjects = find_subjects([strategy], contpte=contpte, operation=operation)
    chosen = standard_layouts(layouts, seed)
    lines = []
    for subject in subjects:
        report = run_check(subject, chosen)
        lines.append(described(report))
        if report.passed:
            lines.append(describe_prices(mispriced(subject, telling_layouts())))
    return "\n".join(filter(None, lines))


def window(
    machine: MachineLike,
    strategy: str,
    *,
    order: Order = 0,
    ptes: int = 2,
    operation: str | None = None,
    memory: str | int | None = None,
    state: str | None = None,
    frames: str | Mapping[str, str] | None = None,
    contpte: bool | None = None,
    cpus: int | None = None,
    build: str | None = None,
    threads: int | None = None,
    overrides: Mapping[str, Number] | None = None,
) -> Picture:
    """Return a picture of the out-of-order window over a few PTEs: what waits for what.

    Raises ConfigError for more micro-ops than a picture can hold.
    """
    arguments = all_but(locals(), "ptes")
    from costmodel.results.plots.draw import draw_window

    check_count("ptes", ptes)
    return draw_window(cell(**arguments), ptes=ptes)


def strategy_names(operation: str = DEFAULT) -> list[str]:
    """Return the names of the built-in strategies of an operation."""
    check_operation(operation)
    return list(built_in(operation))


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
