"""Folios that a PMD maps: one entry for 512, whatever the strategy."""

from __future__ import annotations

import pytest

import costmodel
from costmodel.code.library import load_library
from costmodel.mm.shapes import homogeneous
from costmodel.operations.fork.operation import READ_ONLY, WRITABLE
from costmodel.operations.registry import operation_named
from costmodel.operations.shared.pmd import HUGE, PROGRAMS, pmd_program
from costmodel.operations.zap.mm import ZapOperation
from costmodel.operations.zap.operation import EXIT, MUNMAP
from costmodel.operations.zap.pmd import unmap_pmds
from costmodel.recorder import load_program

GIB = 1 << 30


def ns(machine: str, strategy: str = "v6.7", **asked: object) -> float:
    mapped = asked.pop("mapped", "pmd")
    settings = {"memory": "1 GiB", "order": 9, "overrides": {"mapped": mapped}} | asked
    return costmodel.price(machine, strategy, **settings).ns_per_pte  # type: ignore[arg-type]


@pytest.mark.parametrize("isa", PROGRAMS)
@pytest.mark.parametrize(
    ("operation", "states"), [("fork", ("rw", "ro")), ("zap", ("exit", "munmap"))]
)
def test_what_is_executed_is_what_was_recorded(
    operation: str, states: tuple[str, str], isa: str
) -> None:
    program = load_program(operation, pmd_program(isa))
    library = load_library(operation, pmd_program(isa))
    states_of = {"rw": WRITABLE, "ro": READ_ONLY, "exit": EXIT, "munmap": MUNMAP}
    known = operation_named(operation)
    strategy = known.strategies()[0]
    for state in states:
        recorded = program.recordings[f"{state}/pmd"].uop[1:]  # the first row is the event before
        space = homogeneous(2 << 20, {9: 1.0}, pmd=True, state=states_of[state])
        run = next(iter(known.trace(strategy, strategy.programs[isa], isa, space)))
        assert (library.site[recorded] == run.trace.site[-len(recorded) :]).all()
        assert run.ptes == 512


@pytest.mark.parametrize("machine", ["xeon-4210r", "ampere-altra", "epyc-milan"])
@pytest.mark.parametrize("operation", ["fork", "zap"])
def test_a_pmd_costs_a_small_part_of_its_table(machine: str, operation: str) -> None:
    by_table = ns(machine, operation=operation, mapped="pte")
    assert 0.01 * by_table < ns(machine, operation=operation) < 0.7 * by_table


def test_strategies_that_change_the_loop_change_nothing() -> None:
    """Their releases after an unmap differ, as kernels do."""
    assert ns("xeon-4210r", "folio-batch-v6.12") == ns("xeon-4210r")
    assert ns("ampere-altra", "contpte-per-pte") == ns("ampere-altra")


def test_a_mix_lies_between_its_parts() -> None:
    pages, huge = ns("xeon-4210r", order=0), ns("xeon-4210r")
    mix = ns("xeon-4210r", order={0: 0.5, 9: 0.5})
    assert mix == pytest.approx((pages + huge) / 2, rel=0.1)


def test_mapped_by_pmds_means_nothing_to_small_folios() -> None:
    assert ns("xeon-4210r", order=0) == ns("xeon-4210r", order=0, mapped="pte")


def test_dontneed_frees_the_tables_that_waited_for_a_split() -> None:
    kept, gone = (
        ns("xeon-4210r", operation="zap", state=state) for state in ("dontneed", "munmap")
    )
    assert kept == pytest.approx(gone, rel=0.02)


def test_an_unmap_drops_one_reference_and_frees_what_nobody_else_maps() -> None:
    for state, freed in ((MUNMAP, 1), (EXIT, 0)):
        (shape,) = homogeneous(2 << 20, {9: 1.0}, pmd=True, state=state).shapes
        zap = ZapOperation.begin(shape.build())
        assert [step.event for step in unmap_pmds(zap)] == [HUGE]  # type: ignore[union-attr]
        zap.finish()
        (folio,) = zap.frames
        assert (folio.freed, folio.refcount, zap.list.entries) == (freed, 1 - freed, [])
        assert not zap.faults and not zap.space.rss.total()


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"operation": "mprotect"}, "was recorded of fork, zap, spawn, not of mprotect"),
        ({"operation": "zap", "state": "dontneed-per-page"}, "splits PMDs"),
        ({"state": "mixed: writable 1, read-only 15"}, "splits PMDs"),
        ({"state": "file"}, "none was recorded"),
        ({"mapped": "pud"}, "mapped: "),
    ],
)
def test_what_was_not_recorded_is_refused(asked: dict[str, object], reason: str) -> None:
    strategy = "v6.12" if asked.get("operation") == "mprotect" else "v6.7"
    with pytest.raises(costmodel.ConfigError, match=reason) as refused:
        ns("xeon-4210r", strategy, **asked)
    assert len(refused.value.faults) == 1


def test_builds_that_were_not_recorded_so_are_refused() -> None:
    with pytest.raises(costmodel.ConfigError, match="was not recorded with folios that PMDs map"):
        ns("xeon-4210r", "v6.7@gcc13")
