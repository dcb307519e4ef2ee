"""What scripts and notebooks call: price a strategy, put several beside each other, draw them.

Everything here is also an attribute of the package: ``costmodel.price(...)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, wraps
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Literal, ParamSpec

from costmodel import __version__
from costmodel.config.errors import ConfigError, Fault, describe, unknown
from costmodel.config.machine import Machine, load_machine
from costmodel.config.overrides import by_name, load_with_overrides
from costmodel.config.scenario import Scenario, default_scenario, load_scenario
from costmodel.config.workload import Frames
from costmodel.experiment import Cell, Comparison, LeftOut, Result, compare, run_cell, run_cells
from costmodel.ineffective import ineffective_by_machine
from costmodel.operations.registry import DEFAULT, operation_names
from costmodel.plan import plan
from costmodel.settings import Setting
from costmodel.strategies.catalogue import built_in
from costmodel.strategies.resolve import names_by_operation

if TYPE_CHECKING:
    from costmodel.results.plots.picture import Picture
    from costmodel.results.plots.results import Results

P = ParamSpec("P")
Kind = Literal["change", "order", "stack", "samples"]
MachineLike = Machine | str | PathLike[str]
"""A machine, the name of a shipped one, or the path of a machine file."""
Order = int | Mapping[int, float | str]
"""A folio order from 0 to 9, or orders and their shares of the memory: ``{0: "50%", 4: "50%"}``."""
Number = bool | int | float | str
"""What an override sets."""


@dataclass(frozen=True)
class Study:
    """Strategies beside each other on machines and folio layouts; printing it gives the table."""

    title: str
    comparisons: tuple[Comparison, ...]
    left_out: tuple[LeftOut, ...] = ()

    def __str__(self) -> str:
        """Return the table as plain text, at most 76 columns wide."""
        from costmodel.results.text.mail import mail

        return mail(
            self.comparisons,
            title=self.title,
            version=__version__,
            left_out=self.left_out,
            idle=self.idle,
        ).rstrip()

    @cached_property
    def idle(self) -> Mapping[str, tuple[Setting, ...]]:
        """The settings that change no time, by machine name; worked out when first asked for."""
        return ineffective_by_machine([comparison.result for comparison in self.comparisons])

    def __getitem__(self, place: tuple[str, str, int]) -> Comparison:
        """Return the comparison of (machine name, strategy, folio order); KeyError if none is."""
        for comparison in self.comparisons:
            cell = comparison.result.cell
            if (cell.machine.name, cell.strategy, cell.workload.folio_order) == place:
                return comparison
        raise KeyError(place)

    @property
    def results(self) -> Results:
        """What pictures show."""
        return self._results(intervals=True)

    def _results(self, *, intervals: bool) -> Results:
        """Return what pictures show, with or without the intervals of the model."""
        from costmodel.results.plots.results import results_of
        from costmodel.results.result_json import result_document

        first = self.comparisons[0].result
        noise = first.samples_ps is not None
        origin = {"version": __version__, "seed": first.cell.protocol.seed, "noise": noise}
        return results_of(result_document(self.comparisons, origin, intervals=intervals))

    def chart(self) -> str:
        """Return the change per strategy as a bar chart of text."""
        from costmodel.results.plots.ascii import ascii_chart

        return ascii_chart(self._results(intervals=False)).rstrip()

    def picture(self, kind: Kind = "change") -> Picture:
        """Return a picture; ConfigError for samples of a study without noise."""
        from costmodel.results.plots.draw import draw

        samples = {
            (cell.machine.name, cell.workload.layout, cell.strategy): result.samples_ps
            for result in (comparison.result for comparison in self.comparisons)
            for cell in (result.cell,)
            if result.samples_ps is not None
        }
        return draw(self._results(intervals=kind == "change"), kind, samples=samples)


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
    made = _machine(name).with_values(changes or {}, origin="changes")
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
    frames: Frames | None = None,
    contpte: bool | None = None,
    cpus: int | None = None,
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
    wanted = {
        "strategies": strategies,
        "folio_orders": orders,
        "baseline": baseline,
        "title": title,
        "operation": operation,
        "memory": memory,
        "state": state,
        "frames": frames,
        "contpte": contpte,
        "cpus": cpus,
        "protocol.runs": runs,
        "protocol.iterations": iterations,
        "protocol.seed": seed,
    }
    _check_flag("noise", noise)
    _check_count("jobs", jobs)
    asked, loaded = _ask(scenario, machines, wanted, overrides)
    return study_of(asked, loaded, noise=noise, jobs=jobs)


def study_of(
    scenario: Scenario,
    machines: Mapping[str, Machine],
    *,
    noise: bool = True,
    jobs: int = 1,
    intervals: bool = True,
) -> Study:
    """Run a scenario on machines by name; those of the scenario itself are not looked at.

    ``intervals`` of the model are worked out at once, or else when they are asked for.
    """
    todo = plan(scenario, machines)
    results = run_cells(todo.cells, noise=noise, jobs=jobs, slopes=intervals)
    return Study(scenario.title, tuple(compare(results, scenario.baseline)), todo.left_out)


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
    frames: Frames | None = None,
    contpte: bool | None = None,
    cpus: int | None = None,
    runs: int | None = None,
    iterations: int | None = None,
    seed: int | None = None,
    overrides: Mapping[str, Number] | None = None,
    noise: bool = False,
) -> Result:
    """Return what one strategy costs: ``ns_per_pte``, its CPI stack and its micro-ops.

    Arguments are as for :func:`study`; the default question is the same. Raises ConfigError with
    every fault.
    """
    arguments = {name: value for name, value in locals().items() if name != "noise"}
    _check_flag("noise", noise)
    return run_cell(cell(**arguments), noise=noise)


def cell(
    machine: MachineLike,
    strategy: str,
    *,
    order: Order = 0,
    operation: str | None = None,
    memory: str | int | None = None,
    state: str | None = None,
    frames: Frames | None = None,
    contpte: bool | None = None,
    cpus: int | None = None,
    runs: int | None = None,
    iterations: int | None = None,
    seed: int | None = None,
    overrides: Mapping[str, Number] | None = None,
) -> Cell:
    """Return the cell of one strategy: what :func:`price` runs."""
    wanted = {
        "strategies": [strategy],
        "baseline": strategy,
        "folio_orders": [order],
        "operation": operation,
        "memory": memory,
        "state": state,
        "frames": frames,
        "contpte": contpte,
        "cpus": cpus,
        "protocol.runs": runs,
        "protocol.iterations": iterations,
        "protocol.seed": seed,
    }
    asked, loaded = _ask(None, [machine], wanted, overrides)
    return plan(asked, loaded).cells[0]


def explain(
    machine: MachineLike,
    strategy: str,
    *,
    vs: str = "v6.7",
    order: Order = 0,
    operation: str | None = None,
    memory: str | int | None = None,
    state: str | None = None,
    frames: Frames | None = None,
    contpte: bool | None = None,
    cpus: int | None = None,
    overrides: Mapping[str, Number] | None = None,
) -> str:
    """Return why ``strategy`` costs more or less than ``vs``: what ``costmodel explain`` prints."""
    arguments = {n: v for n, v in locals().items() if n not in ("strategy", "vs")}
    from costmodel.explaining.attribution import explained as attribute
    from costmodel.results.text.explanation import explanation_text

    new, base = (cell(strategy=name, **arguments) for name in (strategy, vs))
    found = attribute(new, base)
    idle = ineffective_by_machine([found.base.result, found.new.result])[new.machine.name]
    return explanation_text(found, version=__version__, idle=idle).rstrip()


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
    _check_count("layouts", layouts, least=0)
    _check_count("seed", seed, least=0)
    _check_flag("contpte", contpte)
    _check_operation(operation)
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
    frames: Frames | None = None,
    contpte: bool | None = None,
    cpus: int | None = None,
    overrides: Mapping[str, Number] | None = None,
) -> Picture:
    """Return a picture of the out-of-order window over a few PTEs: what waits for what.

    Raises ConfigError for more micro-ops than a picture can hold.
    """
    arguments = {name: value for name, value in locals().items() if name != "ptes"}
    from costmodel.results.plots.draw import draw_window

    _check_count("ptes", ptes)
    return draw_window(cell(**arguments), ptes=ptes)


def strategy_names(operation: str = DEFAULT) -> list[str]:
    """Return the names of the built-in strategies of an operation."""
    _check_operation(operation)
    return list(built_in(operation))


def _check_operation(operation: object) -> None:
    if not isinstance(operation, str) or operation not in operation_names():
        reason = unknown("operation", operation, operation_names())
        raise ConfigError.of("operation", reason, got=describe(operation))


def _ask(
    reference: str | PathLike[str] | None,
    machines: MachineLike | Sequence[MachineLike] | None,
    wanted: Mapping[str, object],
    overrides: Mapping[str, Number] | None,
) -> tuple[Scenario, dict[str, Machine]]:
    """Return the scenario and the machines that arguments ask for, all of them judged together."""
    names = names_by_operation()
    if wanted["operation"] is not None:
        _check_operation(wanted["operation"])
    if reference is None:
        asked = default_scenario()
    else:
        file = fspath(reference) if isinstance(reference, PathLike) else reference
        asked = load_scenario(file, origin="scenario", strategies=names)
    loaded = None if machines is None else _loaded(machines)
    said = {key: (_ARGUMENTS.get(key, key.removeprefix("protocol.")), _plain(value))
            for key, value in wanted.items() if value is not None}  # fmt: skip
    if overrides is not None and not isinstance(overrides, Mapping):
        raise ConfigError.of("overrides", "must be a mapping of keys", got=describe(overrides))
    said |= {str(key): ("overrides", value) for key, value in (overrides or {}).items()}
    return load_with_overrides(asked, strategies=names, machines=loaded, options=said)


_ARGUMENTS = {"folio_orders": "orders"}
"""Keys of a scenario that are called otherwise here."""


def _plain(value: object) -> object:
    """Return mappings and sequences as a file has them."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value


def _loaded(machines: MachineLike | Sequence[MachineLike]) -> dict[str, Machine]:
    """Return machines by name; ConfigError with the faults of all."""
    is_list = isinstance(machines, Iterable) and not isinstance(machines, str | Machine)
    several: Any = machines if is_list else [machines]
    made: list[Machine] = []
    faults: list[Fault] = []
    for each in several:
        try:
            made.append(_machine(each))
        except ConfigError as error:
            faults += error.faults
    if not made and not faults:
        faults.append(Fault("machines", reason="must not be empty"))
    if faults:
        raise ConfigError(faults)
    return by_name(made)


def _machine(machine: Any) -> Machine:
    if isinstance(machine, Machine):
        return machine
    if not isinstance(machine, str | PathLike):
        reason = "must be a machine, the name of one, or the path of a machine file"
        raise ConfigError.of("machine", reason, got=describe(machine))
    return load_machine(fspath(machine), origin="machine")


def _check_count(name: str, value: object, *, least: int = 1) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        reason = f"must be an integer of at least {least}"
        raise ConfigError.of(name, reason, got=describe(value))


def _check_flag(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise ConfigError.of(name, "must be true or false", got=describe(value))


__all__ = [
    "ConfigError",
    "Study",
    "cell",
    "check",
    "explain",
    "machine",
    "price",
    "strategy_names",
    "study",
    "table",
    "window",
]
