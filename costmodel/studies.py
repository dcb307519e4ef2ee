"""What ``price()`` and ``study()`` return: results that print themselves, with their pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from textwrap import fill
from typing import TYPE_CHECKING, Literal

from costmodel import __version__
from costmodel.config.machine import Machine
from costmodel.config.scenario import Scenario
from costmodel.config.sizes import share
from costmodel.experiment import (
    Comparison,
    LeftOut,
    Result,
    compare_cells,
)
from costmodel.ineffective import ineffective, ineffective_by_machine
from costmodel.plan import plan
from costmodel.remarks import idle_remarks
from costmodel.settings import Setting
from costmodel.units import WIDTH

if TYPE_CHECKING:
    from xarray import Dataset

    from costmodel.results.document import ResultFile
    from costmodel.results.plots.picture import Picture

Kind = Literal["change", "order", "stack", "samples", "cpus", "shared"]


@dataclass(frozen=True)
class Price(Result):
    """The cost of one strategy; printed, it says what a table would say beside the number.

    It has the fields and properties of a result: ``ns_per_pte``, ``stack_ns_per_pte``,
    ``segments_ns_per_pte`` and ``micro_ops_per_pte`` (see ``costmodel.experiment.result.Result``).
    """

    @classmethod
    def of(cls, result: Result) -> Price:
        """Return a price with the fields of a result."""
        return cls(**{each.name: getattr(result, each.name) for each in fields(result)})

    @cached_property
    def cautions(self) -> tuple[str, ...]:
        """Sentences on why the number should not be trusted; empty for most strategies.

        They say that the strategy is broken, that it does what it does not pay for, or that a
        setting of the question changes nothing. They are worked out when they are first asked for
        or the price is printed, because a user's own strategy has to run on page tables for that.
        """
        from costmodel.checking.verdict import verdicts_of

        return (*verdicts_of([self.cell]), *idle_remarks(ineffective([self])))

    def __repr__(self) -> str:
        """Return the cost in one line."""
        return f"<{super().__str__()}>"

    def __str__(self) -> str:
        """Return the cost in one line, and each caution in lines of its own."""
        cautions = (
            fill(text, WIDTH, initial_indent="  ", subsequent_indent="    ")
            for text in self.cautions
        )
        return "\n".join([super().__str__(), *cautions])


@dataclass(frozen=True)
class Study:
    """Strategies compared with a baseline on machines and folio layouts; it prints as a table."""

    title: str
    comparisons: tuple[Comparison, ...]
    """One for each strategy, folio layout, number of CPUs and machine; the baseline is among them,
    compared with itself."""
    left_out: tuple[LeftOut, ...] = ()
    """Strategies that do not run on a machine, and why."""

    def __repr__(self) -> str:
        """Return title, number of results and machines in one line; ``str()`` gives the table."""
        names = sorted({comparison.result.cell.machine.name for comparison in self.comparisons})
        return f"<Study {self.title}: {len(self.comparisons)} results on {', '.join(names)}>"

    def __str__(self) -> str:
        """Return the table as plain text, at most 76 columns wide."""
        from costmodel.results.text.mail import mail

        return mail(self.results).rstrip()

    @cached_property
    def idle(self) -> Mapping[str, tuple[Setting, ...]]:
        """By machine name, the settings of the question that change no time on that machine.

        They are worked out when they are first asked for, by pricing the question without each.
        """
        return ineffective_by_machine([comparison.result for comparison in self.comparisons])

    def __getitem__(self, place: tuple[str, str, int | Mapping[int, float | str]]) -> Comparison:
        """Return the comparison of a machine name, a strategy and a folio order or mix of orders.

        A mix is a mapping from order to share, ``{0: "50%", 4: "50%"}``. It is the first comparison
        that fits, where the study has several numbers of CPUs. Raises KeyError where none fits.
        """
        machine, strategy, order = place
        mix = order if isinstance(order, Mapping) else {order: 1.0}
        wanted = machine, strategy, {order: share(part) for order, part in mix.items()}
        for comparison in self.comparisons:
            cell = comparison.result.cell
            if (cell.machine.name, cell.strategy, cell.workload.folio_orders) == wanted:
                return comparison
        raise KeyError(place)

    @cached_property
    def results(self) -> ResultFile:
        """The results as one document, which tables and pictures show and files keep."""
        return self._results(intervals=True)

    @property
    def verdicts(self) -> tuple[str, ...]:
        """A sentence for each strategy that is broken, or does what it does not pay for."""
        return self.results.verdicts

    def to_xarray(self) -> Dataset:
        """Return the results as an xarray dataset (see ``costmodel.results.dataset``).

        Its dimensions are ``machine``, ``strategy``, ``folios`` and ``state``. Raises ConfigError
        where xarray is not installed; it comes with the extra ``costmodel[xarray]``.
        """
        from costmodel.results.dataset import dataset

        return dataset(self.results)

    def _results(self, *, intervals: bool) -> ResultFile:
        """Return the document of results, with or without the intervals of the model."""
        from costmodel.results.build import result_file

        first = self.comparisons[0].result
        noise = first.samples_ps is not None
        origin = {"version": __version__, "seed": first.cell.protocol.seed, "noise": noise}
        return result_file(
            self.comparisons,
            origin,
            title=self.title,
            left_out=self.left_out,
            idle=self.idle if intervals else None,
            intervals=intervals,
        )

    def chart(self) -> str:
        """Return a bar chart of text, at most 76 columns wide: the change of each strategy."""
        from costmodel.results.plots.ascii import ascii_chart

        return ascii_chart(self._results(intervals=False)).rstrip()

    def picture(self, kind: Kind = "change") -> Picture:
        """Return a picture, which ``save()`` writes as SVG or PNG and notebooks show.

        ``change`` shows the change of each strategy with its interval, ``order`` the change by
        folio order, ``stack`` where the time goes, ``samples`` the simulated times, ``cpus`` the
        throughput by number of CPUs, ``shared`` what the CPUs wait for. Raises ConfigError for a
        kind that the study has nothing for, such as ``samples`` of a study without noise.

        The times of ``order`` and ``stack`` are priced in one build for each machine, the picture
        says which; a strategy that was not recorded of it is left out.
        """
        from costmodel.experiment.one_build import all_in_one_build, mixes_builds
        from costmodel.results.plots.draw import ONE_BUILD, draw

        shown = self
        if kind in ONE_BUILD and mixes_builds(self.comparisons):
            comparisons, left_out = all_in_one_build(self.comparisons)
            shown = Study(self.title, tuple(comparisons), (*self.left_out, *left_out))
        results = shown._results(intervals=kind in ("change", "cpus"))
        samples = {
            entry.key: comparison.result.samples_ps
            for entry, comparison in zip(results.cells, shown.comparisons, strict=True)
            if comparison.result.samples_ps is not None
        }
        return draw(results, kind, samples=samples)


def study_of(
    scenario: Scenario,
    machines: Mapping[str, Machine],
    *,
    noise: bool = True,
    jobs: int = 1,
    intervals: bool = True,
) -> Study:
    """Run a scenario on the machines given by name, which replace those that it names itself.

    With ``intervals`` the machines drawn for the model's intervals are priced at once, in ``jobs``
    processes; without it that happens when an interval is first asked for. Raises ConfigError for
    a scenario that cannot run as a whole (see ``costmodel.plan``).
    """
    todo = plan(scenario, machines)
    comparisons = compare_cells(
        todo.cells, scenario.baseline, noise=noise, jobs=jobs, intervals=intervals
    )
    return Study(
        scenario.title,
        tuple(comparisons),
        todo.left_out,
    )
