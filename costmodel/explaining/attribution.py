"""The difference between two strategies, attributed to groups of micro-ops by marginal cost.

The marginal cost of a group is what the model saves when the group is taken out of the trace and
the core runs again. A hidden instruction has none. What two groups hide together, or only one of
them, is no group's own: that is the interaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from costmodel.code.removal import Orphans, remove
from costmodel.code.trace import TableRun, Trace
from costmodel.experiment import (
    Cell,
    Result,
    beside,
    exact_ps_of,
    executed,
    matched,
    run_cell,
)
from costmodel.experiment.build_doubt import doubt_of
from costmodel.experiment.builds import BuildChanges, Match
from costmodel.experiment.cell import named_strategy
from costmodel.explaining.early import early_accesses
from costmodel.explaining.groups import UopGroup, groups_of
from costmodel.explaining.maintenance import Maintenance, maintenance_of
from costmodel.explaining.more_work import LEAST_PCT, MoreWork, more_work
from costmodel.explaining.reloads import Reload, reloads_between
from costmodel.parallel import in_processes
from costmodel.units import PS_PER_NS

FEWEST = 0.001
"""Micro-ops per PTE: half of one per page table."""
CHANGED = 0.02
"""Share: groups whose numbers of micro-ops differ by less are the same in both strategies."""
HIDDEN_NS = 0.05
"""Per PTE: a group whose cost changes by less is hidden behind something else."""


@dataclass(frozen=True)
class GroupEffect:
    """What one group contributes to a difference; per PTE, costs are marginal, in ns."""

    group: UopGroup
    base_count: float
    new_count: float
    base_ns: float
    new_ns: float

    @property
    def change(self) -> float:
        """Micro-ops added per PTE; negative for removed."""
        return self.new_count - self.base_count

    @property
    def effect_ns(self) -> float:
        """Nanoseconds added per PTE; negative for saved."""
        return self.new_ns - self.base_ns

    @property
    def is_hidden(self) -> bool:
        """Whether micro-ops came or went and the time hardly noticed."""
        return abs(self.effect_ns) < HIDDEN_NS


@dataclass(frozen=True)
class Side:
    """One of the two strategies: its exact result and its TLB maintenance.

    ``early`` are accesses per PTE written by hand that act as prefetches.
    """

    result: Result
    maintenance: Maintenance
    early: float = 0.0


@dataclass(frozen=True)
class Explanation:
    """Why ``new`` costs more or less than ``base``; ``parts`` are ordered by size of effect."""

    base: Side
    new: Side
    parts: tuple[GroupEffect, ...]
    change_pct: float
    model_pct: tuple[float, float]
    """90 % interval of ``change_pct`` as far as the model knows what it does not know."""
    builds: BuildChanges | None = None
    """The change by every build, where one of several was chosen: the median."""
    reloads: tuple[Reload, ...] = ()
    """Loads that differ between two builds, where two are compared."""
    more_work: MoreWork | None = None
    """Why the new strategy is faster although it executes more; None where it does not."""

    @property
    def difference_ns(self) -> float:
        """Nanoseconds per PTE that the new strategy costs more."""
        return self.new.result.ns_per_pte - self.base.result.ns_per_pte

    @property
    def interaction_ns(self) -> float:
        """What of the difference no group has alone; with it the parts sum to the difference."""
        return self.difference_ns - sum(part.effect_ns for part in self.parts)


def explained(new: Cell, base: Cell, *, jobs: int = 1) -> Explanation:
    """Attribute the difference between two cells of one machine and workload, in one build.

    It is the one that a table shows: see :func:`costmodel.experiment.matched`. ``jobs`` processes
    share the work; they change no number. Raises ConfigError for a strategy that cannot run there.
    """
    match = matched(new, base)
    new, base = match.new, match.base
    sides = [_side(cell) for cell in (base, new)]
    base_counts, new_counts = _counts(executed(base)), _counts(executed(new))
    changed = _changed(base_counts, new_counts)
    tasks = [
        (side.result.cell, group, side.result.exact_ps)
        for side, counts in zip(sides, (base_counts, new_counts), strict=True)
        for group in changed
        if counts[group]
    ]
    costs = {
        (_code(cell), group): saved
        for (cell, group, _), saved in zip(
            tasks, in_processes(_saved_ns, tasks, jobs=jobs), strict=True
        )
    }
    parts = [
        GroupEffect(
            group,
            base_count=base_counts[group],
            new_count=new_counts[group],
            base_ns=costs.get((_code(base), group), 0.0),
            new_ns=costs.get((_code(new), group), 0.0),
        )
        for group in changed
    ]
    parts.sort(key=lambda part: (-abs(part.effect_ns), part.group))
    gains = sides[1].result.exact_ps < (1 - LEAST_PCT / 100) * sides[0].result.exact_ps
    compared = beside(sides[1].result, sides[0].result, build_doubt=lambda: doubt_of(match))
    return Explanation(
        sides[0],
        sides[1],
        tuple(parts),
        change_pct=compared.change.mean_pct,
        model_pct=compared.model.change_pct,
        builds=match.builds,
        reloads=reloads_between(new, base) if _two_compiled(match) else (),
        more_work=more_work(new, base) if gains and _only_adds(base_counts, new_counts) else None,
    )


def _two_compiled(match: Match) -> bool:
    """Tell whether two compilations are compared: not where one of them is changed by hand."""
    cells = (match.new, match.base)
    return match.is_across and not any(named_strategy(cell).code for cell in cells)


def _only_adds(base: Mapping[UopGroup, float], new: Mapping[UopGroup, float]) -> bool:
    """Tell whether some groups of micro-ops are executed more and none less."""
    changes = [new[group] - base[group] for group in UopGroup]
    return max(changes) >= FEWEST and min(changes) > -FEWEST


def _code(cell: Cell) -> tuple[str, str]:
    return cell.strategy, cell.build


def _side(cell: Cell) -> Side:
    runs = executed(cell)
    return Side(run_cell(cell, noise=False), maintenance_of(runs), early_accesses(runs))


_Task = tuple[Cell, UopGroup, int]


def _changed(base: Mapping[UopGroup, float], new: Mapping[UopGroup, float]) -> list[UopGroup]:
    """Return the groups of which more or fewer run: those with a good share, if there are any."""
    apart = [group for group in UopGroup if abs(new[group] - base[group]) >= FEWEST]
    clear = [g for g in apart if abs(new[g] - base[g]) >= CHANGED * max(base[g], new[g])]
    return clear or apart


def _saved_ns(task: _Task) -> float:
    """Return what a cell would save per PTE without a group, in ns."""
    cell, group, exact_ps = task
    rest = [replace(run, trace=without_group(run.trace, group)) for run in executed(cell)]
    ptes = sum(run.count * run.ptes for run in rest)
    return (exact_ps - exact_ps_of(rest, cell)) / PS_PER_NS / ptes


def without_group(trace: Trace, group: UopGroup) -> Trace:
    """Return the rest of a trace when a group of micro-ops is taken out."""
    return remove(trace, groups_of(trace) == group, Orphans.INHERIT)


def _counts(runs: Sequence[TableRun]) -> Mapping[UopGroup, float]:
    """Return micro-ops per PTE by group, groups without any included."""
    total = np.zeros(len(UopGroup))
    for run in runs:
        total += run.count * np.bincount(groups_of(run.trace), minlength=len(UopGroup))
    ptes = sum(run.count * run.ptes for run in runs)
    return {group: float(total[group]) / ptes for group in UopGroup}
