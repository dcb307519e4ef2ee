"""Attributes the difference between two strategies to groups of micro-ops, by marginal cost.

The marginal cost of a group is the time that the model saves when the group is taken out of the
trace and the core runs again. An instruction that is hidden behind others has none. The rest of the
difference arises only from several groups together: this is the interaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from costmodel.code.removal import Orphans, remove
from costmodel.code.trace import TableRun, Trace, ptes_of
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
from costmodel.explaining.groups import Maintenance, UopGroup, groups_of, maintenance_of
from costmodel.explaining.more_work import LEAST_PCT, MoreWork, early_accesses, more_work
from costmodel.explaining.reloads import Effect, Reload, reloads_between
from costmodel.explaining.savings import Saving, savings_of
from costmodel.parallel import in_processes
from costmodel.uncertainty.spread import ModelInterval
from costmodel.units import AROUND, PS_PER_NS

FEWEST = 0.001
"""Least difference in micro-ops per PTE that counts: half of one per page table."""
CHANGED = 0.02
"""Least relative difference in a group's number of micro-ops by which it counts as changed."""
HIDDEN_NS = 0.05
"""A group whose cost changes by less, in ns per PTE, is hidden behind something else."""


@dataclass(frozen=True, kw_only=True)
class GroupEffect(Effect):
    """What one group contributes to the difference between two strategies.

    Its counts are micro-ops per PTE.
    """

    group: UopGroup

    @property
    def is_hidden(self) -> bool:
        """Whether the change of the group hardly changes the time."""
        return abs(self.effect_ns) < HIDDEN_NS


@dataclass(frozen=True)
class Side:
    """One of the two strategies: its exact result and its TLB maintenance.

    ``early`` is the number of hand-written accesses per PTE that act as prefetches. ``savings`` say
    of the large causes of the stack what a lower price saves.
    """

    result: Result
    maintenance: Maintenance
    early: float = 0.0
    savings: tuple[Saving, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """Why ``new`` costs more or less than ``base``.

    ``parts`` are the groups that changed, those with the largest effect first. ``change_pct`` is
    the change of the time in percent.
    """

    base: Side
    new: Side
    parts: tuple[GroupEffect, ...]
    change_pct: float
    model: ModelInterval
    """The model's 90 % intervals, see ``Comparison.model``."""
    builds: BuildChanges | None = None
    """The change by each build, where the one with the median change was chosen of several."""
    reloads: tuple[Reload, ...] = ()
    """Loads that differ between two builds, where the two cells are of different builds."""
    more_work: MoreWork | None = None
    """Why the new strategy is faster although it executes more; None where that is not so."""

    @property
    def difference_ns(self) -> float:
        """Nanoseconds per PTE that the new strategy costs more."""
        return self.new.result.ns_per_pte - self.base.result.ns_per_pte

    @property
    def around_ns(self) -> float:
        """Nanoseconds per PTE that the new strategy costs more around the loops."""
        base, new = (side.result.segments_ns_per_pte for side in (self.base, self.new))
        return new.get(AROUND, 0.0) - base.get(AROUND, 0.0)

    @property
    def interaction_ns(self) -> float:
        """Nanoseconds per PTE of the difference that no group causes alone.

        Together with it the parts and what lies around the loops sum to the difference.
        """
        effects = sum(part.effect_ns for part in self.parts)
        return self.difference_ns - effects - self.around_ns


def explained(new: Cell, base: Cell, *, jobs: int = 1) -> Explanation:
    """Return why two cells of one machine and workload differ in time.

    Both are priced in one build, the same as in tables: see :func:`costmodel.experiment.matched`.
    ``jobs`` processes share the work, which changes no number. Raises ConfigError for a strategy
    that cannot run there.
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
            group=group,
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
        model=compared.model,
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
    result = run_cell(cell, noise=False)
    return Side(result, maintenance_of(runs), early_accesses(runs), savings_of(result))


_Task = tuple[Cell, UopGroup, int]


def _changed(base: Mapping[UopGroup, float], new: Mapping[UopGroup, float]) -> list[UopGroup]:
    """Return the groups of which more or fewer micro-ops run, if possible only clear changes."""
    apart = [group for group in UopGroup if abs(new[group] - base[group]) >= FEWEST]
    clear = [g for g in apart if abs(new[g] - base[g]) >= CHANGED * max(base[g], new[g])]
    return clear or apart


def _saved_ns(task: _Task) -> float:
    """Return how many ns per PTE a cell would save without a group of micro-ops."""
    cell, group, exact_ps = task
    rest = [replace(run, trace=without_group(run.trace, group)) for run in executed(cell)]
    ptes = ptes_of(rest)
    return (exact_ps - exact_ps_of(rest, cell)) / PS_PER_NS / ptes


def without_group(trace: Trace, group: UopGroup) -> Trace:
    """Return a trace without the micro-ops of a group."""
    return remove(trace, groups_of(trace) == group, Orphans.INHERIT)


def _counts(runs: Sequence[TableRun]) -> Mapping[UopGroup, float]:
    """Return micro-ops per PTE for every group, 0 for groups without any."""
    total = np.zeros(len(UopGroup))
    for run in runs:
        total += run.count * np.bincount(groups_of(run.trace), minlength=len(UopGroup))
    ptes = ptes_of(runs)
    return {group: float(total[group]) / ptes for group in UopGroup}
