"""What scripts and notebooks call: price a strategy, put several beside each other, draw them.

Everything here is also an attribute of the package: ``costmodel.price(...)``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from costmodel import __version__
from costmodel.config.errors import ConfigError, unknown
from costmodel.config.machine import Machine, load_machine
from costmodel.config.overrides import load_with_overrides
from costmodel.config.scenario import Scenario, load_scenario
from costmodel.experiment import Cell, Comparison, LeftOut, Result, compare, run_cell, run_cells
from costmodel.operations.registry import DEFAULT, operation_names
from costmodel.plan import plan
from costmodel.strategies.catalogue import built_in

if TYPE_CHECKING:
    from costmodel.results.plots.picture import Picture
    from costmodel.results.plots.results import Results

Kind = Literal["change", "order", "stack", "samples"]
MachineLike = Machine | str
"""A machine, the name of a shipped one, or the path of a machine file."""


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
            self.comparisons, title=self.title, version=__version__, left_out=self.left_out
        ).rstrip()

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
    name: str, *, rename: str | None = None, changes: Mapping[str, object] | None = None
) -> Machine:
    """Return a machine, with some of its numbers changed: ``{"tlbi.range": True}``.

    A machine that does not exist deserves another name: ``rename``. Raises ConfigError for an
    unknown machine or key, or a number that physics does not allow.
    """
    made = load_machine(name, origin="machine")
    for key, value in (changes or {}).items():
        made = made.with_value(key, value, origin="changes")
    return made.model_copy(update={"name": rename, "title": rename}) if rename else made


def study(
    scenario: str | None = None,
    *,
    machines: Sequence[MachineLike] = (),
    strategies: Sequence[str] = (),
    orders: Sequence[int | Mapping[int, float]] = (),
    baseline: str | None = None,
    title: str | None = None,
    noise: bool = True,
    jobs: int = 1,
    **changes: object,
) -> Study:
    """Run a scenario (a name or a path), or what the arguments say, and compare with a baseline.

    Arguments replace what it says; ``changes`` are its other keys (``memory="2 GiB"``). Without a
    scenario: fork of 1 GiB, order 9, against v6.7.
    Raises ConfigError with every fault.
    """
    base = load_scenario(scenario) if scenario else _default_scenario(_operation(changes))
    wanted = {
        "strategies": list(strategies),
        "folio_orders": [o if isinstance(o, int) else dict(o) for o in orders],
        "baseline": baseline,
        "title": title,
        **changes,
    }
    base = base.replace({key: value for key, value in wanted.items() if value}, origin="study")
    if not machines:
        base, loaded = load_with_overrides(base)
    else:
        loaded = {made.name: made for made in map(_machine, machines)}
    return study_of(base, loaded, noise=noise, jobs=jobs)


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


def table(scenario: str | None = None, **arguments: object) -> str:
    """Return the table of :func:`study`, which takes the same arguments."""
    return str(study(scenario, **arguments))  # type: ignore[arg-type]


def price(
    machine: MachineLike,
    strategy: str,
    *,
    order: int | Mapping[int, float] = 9,
    noise: bool = False,
    **changes: object,
) -> Result:
    """Return what one strategy costs: ``ns_per_pte``, its CPI stack and its micro-ops.

    ``changes`` are keys of a scenario, as for :func:`study`. Raises ConfigError with every fault.
    """
    return run_cell(cell(machine, strategy, order=order, **changes), noise=noise)


def cell(
    machine: MachineLike,
    strategy: str,
    *,
    order: int | Mapping[int, float] = 9,
    **changes: object,
) -> Cell:
    """Return the cell of one strategy: what :func:`price` runs."""
    on = _machine(machine)
    layout = order if isinstance(order, int) else dict(order)
    wanted = {"folio_orders": [layout], "strategies": [strategy], "baseline": strategy, **changes}
    base = _default_scenario(_operation(changes))
    return plan(base.replace(wanted, origin="price"), {on.name: on}).cells[0]


def explain(
    machine: MachineLike,
    strategy: str,
    *,
    vs: str = "v6.7",
    order: int | Mapping[int, float] = 9,
    **changes: object,
) -> str:
    """Return why ``strategy`` costs more or less than ``vs``: what ``costmodel explain`` prints."""
    from costmodel.explaining.attribution import explain as attribute
    from costmodel.results.text.explanation import explanation_text

    new, base = (cell(machine, name, order=order, **changes) for name in (strategy, vs))
    return explanation_text(attribute(new, base), version=__version__).rstrip()


def check(
    strategy: str,
    *,
    layouts: int = 200,
    contpte: bool = False,
    seed: int = 0,
    operation: str = DEFAULT,
) -> str:
    """Return what ``costmodel check`` prints: ``ok``, or what is broken on which layout."""
    from costmodel.checking.check import check as run_check
    from costmodel.checking.check import describe, describe_prices, standard_layouts
    from costmodel.checking.priced import mispriced
    from costmodel.checking.subjects import find_subjects
    from costmodel.mm.layouts import telling_layouts

    subjects = find_subjects([strategy], contpte=contpte, operation=operation)
    chosen = standard_layouts(layouts, seed)
    lines = []
    for subject in subjects:
        report = run_check(subject, chosen)
        lines.append(describe(report))
        if report.passed:
            lines.append(describe_prices(mispriced(subject, telling_layouts())))
    return "\n".join(filter(None, lines))


def window(
    machine: MachineLike,
    strategy: str,
    *,
    order: int | Mapping[int, float] = 0,
    ptes: int = 2,
    **changes: object,
) -> Picture:
    """Return a picture of the out-of-order window over a few PTEs: what waits for what.

    Raises ConfigError for more micro-ops than a picture can hold.
    """
    from costmodel.results.plots.draw import draw_window

    return draw_window(cell(machine, strategy, order=order, **changes), ptes=ptes)


def _operation(changes: Mapping[str, object]) -> str:
    return str(changes.get("operation", DEFAULT))


def _machine(machine: MachineLike) -> Machine:
    return load_machine(machine, origin="machine") if isinstance(machine, str) else machine


def _default_scenario(operation: str) -> Scenario:
    """Return one GiB at order 9 against the first strategy of the operation, the oldest kernel."""
    if operation not in operation_names():
        raise ConfigError.of("operation", unknown("operation", operation, operation_names()))
    return Scenario.model_validate(
        {
            "title": "a quick question",
            "operation": operation,
            "memory": "1 GiB",
            "machines": ["ampere-altra"],
            "folio_orders": [9],
            "baseline": next(iter(built_in(operation))),
        }
    )


def strategy_names(operation: str = DEFAULT) -> list[str]:
    """Return the names of the built-in strategies of an operation."""
    return list(built_in(operation))


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
