"""Strategies beside each other, as Python has them: a table, pictures, numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from textwrap import fill
from typing import TYPE_CHECKING, Literal

from costmodel import __version__
from costmodel.config.machine import Machine
from costmodel.config.scenario import Scenario
from costmodel.experiment import Comparison, LeftOut, Result, compare_cells
from costmodel.ineffective import ineffective, ineffective_by_machine
from costmodel.plan import plan
from costmodel.remarks import idle_remarks
from costmodel.settings import Setting
from costmodel.units import WIDTH

if TYPE_CHECKING:
    from xarray import Dataset

    from costmodel.results.document import ResultFile
    from costmodel.results.plots.picture import Picture

Kind = Literal["change", "order", "stack", "samples"]


@dataclass(frozen=True)
class Price(Result):
    """A result that is read alone: printed, it says what a table would say beside its number."""

    @classmethod
    def of(cls, result: Result) -> Price:
        """Return the same result."""
        return cls(**{each.name: getattr(result, each.name) for each in fields(result)})

    @cached_property
    def cautions(self) -> tuple[str, ...]:
        """Why the number should not be taken at its word: sentences, none for most strategies.

        The strategy is broken or not priced for what it does, or settings change nothing. Worked
        out when first asked for, or printed: a user's own strategy is run on page tables for that.
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
    """Strategies beside each other on machines and folio layouts; printing it gives the table."""

    title: str
    comparisons: tuple[Comparison, ...]
    left_out: tuple[LeftOut, ...] = ()

    def __repr__(self) -> str:
        """Return how much it holds: printing it gives the table."""
        names = sorted({comparison.result.cell.machine.name for comparison in self.comparisons})
        return f"<Study {self.title}: {len(self.comparisons)} results on {', '.join(names)}>"

    def __str__(self) -> str:
        """Return the table as plain text, at most 76 columns wide."""
        from costmodel.results.text.mail import mail

        return mail(self.results).rstrip()

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

    @cached_property
    def results(self) -> ResultFile:
        """What tables and pictures show."""
        return self._results(intervals=True)

    @property
    def verdicts(self) -> tuple[str, ...]:
        """Which strategies are broken, or not priced for what they do: a sentence each."""
        return self.results.verdicts

    def to_xarray(self) -> Dataset:
        """Return the results by machine, strategy, folio layout and state, as an xarray dataset.

        Raises ConfigError where xarray is not installed: it is an optional extra.
        """
        from costmodel.results.dataset import dataset

        return dataset(self.results)

    def _results(self, *, intervals: bool) -> ResultFile:
        """Return what pictures show, with or without the intervals of the model."""
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
    comparisons = compare_cells(
        todo.cells, scenario.baseline, noise=noise, jobs=jobs, intervals=intervals
    )
    return Study(
        scenario.title,
        tuple(comparisons),
        todo.left_out,
    )
