"""Builds of one source by other compilers."""

from __future__ import annotations

import pytest

from costmodel import cell, price
from costmodel.code.library import source_of
from costmodel.config.errors import ConfigError
from costmodel.strategies.builds import (
    BOOTED,
    builds_for,
    builds_on,
    built,
    known_builds,
    not_recorded,
    own_build,
)
from costmodel.strategies.catalogue import built_in
from costmodel.strategies.resolve import resolve

OF_FILES = "gcc12-file"
"""A build that was recorded in one state alone."""


def ns_per_pte(machine: str, strategy: str, order: int = 0) -> float:
    return price(machine, strategy, order=order, noise=False).ns_per_pte


def change_pct(machine: str, strategy: str, build: str, order: int = 0) -> float:
    """Return the change against v6.7 by the same build."""
    base = ns_per_pte(machine, f"v6.7@{build}", order)
    return 100 * (ns_per_pte(machine, f"{strategy}@{build}", order) / base - 1)


def test_the_build_of_the_booted_kernels_costs_what_they_cost() -> None:
    """What differs are the rows behind the step from one table to the next."""
    for strategy in ("v6.7", "folio-batch-v6.12"):
        for order in (0, 9):
            booted = ns_per_pte("xeon-4210r", strategy, order)
            assert ns_per_pte("xeon-4210r", f"{strategy}@gcc12", order) == pytest.approx(
                booted, rel=0.004
            )


def test_the_published_order_0_change_lies_inside_the_range_over_builds() -> None:
    """-2 % on the 4210R, gcc 13 and a distribution's configuration (published row T14)."""
    builds = set(builds_for(resolve("folio-batch-v6.12"), "x86_64")) - {BOOTED, OF_FILES}
    changes = {name: change_pct("xeon-4210r", "folio-batch-v6.12", name) for name in builds}
    assert len(builds) >= 14
    assert abs(changes["gcc13-distro"] - -2) < 3
    assert min(changes.values()) < -2 < max(changes.values())
    assert max(changes.values()) - min(changes.values()) > 5


def test_order_9_hardly_depends_on_the_build_where_helpers_are_inline() -> None:
    builds = set(builds_for(resolve("folio-batch-v6.12"), "x86_64")) - {BOOTED, OF_FILES}
    changes = {
        name: change_pct("xeon-4210r", "folio-batch-v6.12", name, order=9) for name in builds
    }
    inline = [
        change for name, change in changes.items()
        if "PARAVIRT_XXL" not in known_builds()[name].options
    ]  # fmt: skip
    assert len(inline) == len(builds) - 1
    assert max(inline) - min(inline) < 6  # taken branches per PTE differ, and come one per cycle
    assert changes["gcc12-debian"] > max(inline), "its calls are made for every entry"


def test_every_build_of_a_strategy_is_described() -> None:
    for strategy in built_in().values():
        for isa in strategy.programs:
            assert set(builds_for(strategy, isa)) <= known_builds().keys()


def test_a_build_is_another_program_of_the_same_strategy() -> None:
    base = resolve("folio-batch-v6.12")
    other = built(base, "gcc14")
    assert other.function is base.function
    assert other.programs["x86_64"] == "v6.12.117@gcc14.x86_64"
    assert source_of(other.programs["x86_64"]) == base.programs["x86_64"]


def test_builds_exist_where_they_were_recorded() -> None:
    assert set(built(resolve("folio-batch-v6.9"), "gcc13").programs) == {"arm64"}
    assert builds_for(resolve("folio-scan-v3"), "x86_64") == (BOOTED,)
    assert builds_for(resolve("v6.7@gcc13"), "x86_64") == ("gcc13",)
    assert BOOTED not in builds_for(resolve("v6.8"), "x86_64")


@pytest.mark.parametrize(
    ("reference", "fault"),
    [
        ("v6.7@gcc13-distr", "unknown build, did you mean 'gcc13-distro'?"),
        ("v6.7@", "unknown build"),
        ("folio-scan-v3@gcc13", "folio-scan-v3 was not recorded of it; builds: gcc12-booted"),
    ],
)
def test_an_unknown_build_is_refused(reference: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        resolve(reference)


def test_a_build_is_refused_where_it_was_not_recorded() -> None:
    single, whole, four = (cell("xeon-4210r", "v6.7", order=order).workload for order in (0, 9, 4))
    batched = resolve("folio-batch-v6.12")
    build = resolve("folio-batch-v6.12@gcc13")
    assert not_recorded(build, single, "x86_64") == not_recorded(build, whole, "x86_64") == ""
    assert "order 0 and 9" in not_recorded(build, four, "x86_64")
    assert not {"gcc12", "gcc13", "gcc14"}.intersection(builds_on(batched, four, "x86_64"))
    with pytest.raises(ConfigError, match="was recorded at order 0 and 9"):
        price("xeon-4210r", "folio-batch-v6.12@gcc13", order=4)


CUT = ("gcc12-own", "gcc16", "clang21")
"""Builds that `costmodel record` recorded on tables of all kinds."""


@pytest.mark.parametrize("machine", ["xeon-4210r", "ampere-altra"])
@pytest.mark.parametrize("build", CUT)
def test_a_build_that_was_cut_into_steps_prices_any_order_mix_and_state(
    machine: str, build: str
) -> None:
    isa = cell(machine, "v6.7").machine.isa
    strategy = resolve("folio-batch-v6.12")
    for order in (0, 2, 4, 7, {0: 0.5, 3: 0.3, 9: 0.2}):
        for state in ("writable", "read-only"):
            workload = cell(machine, "v6.7", order=order, state=state).workload
            assert build in builds_on(strategy, workload, isa)
    single, whole = (ns_per_pte(machine, f"folio-batch-v6.12@{build}", o) for o in (0, 9))
    assert single > whole, "a batch is cheaper per PTE"


@pytest.mark.parametrize("build", CUT)
def test_batching_pays_in_every_build_from_order_2_on(build: str) -> None:
    for order in (4, 9):
        assert change_pct("xeon-4210r", "folio-batch-v6.9", build, order) < -10
        assert change_pct("xeon-4210r", "folio-batch-v6.12", build, order) < -10


def test_a_kernel_whose_helpers_are_functions_costs_more() -> None:
    """PARAVIRT_XXL: calls and returns for every entry, and Safe RET behind each on Zen 3."""
    for machine in ("xeon-4210r", "epyc-milan"):
        for order in (0, 9):
            inline, called = (
                ns_per_pte(machine, f"folio-batch-v6.12@{build}", order)
                for build in ("gcc12-own", "gcc12-debian")
            )
            assert called > inline


@pytest.mark.parametrize("machine", ["xeon-4210r", "ampere-altra"])
def test_what_goes_entry_by_entry_has_its_builds_at_every_order(machine: str) -> None:
    """An entry of a large folio costs the same in folios of any size."""
    for strategy in ("v6.7@gcc13", "v6.8@gcc14"):
        whole = ns_per_pte(machine, strategy, 9)
        for order in (2, 4, 7):
            assert ns_per_pte(machine, strategy, order) == pytest.approx(whole, rel=0.02)
    for order in (2, 4):
        booted = ns_per_pte(machine, "v6.7", order) / ns_per_pte(machine, "v6.7", 9)
        built_ = ns_per_pte(machine, "v6.7@gcc12", order) / ns_per_pte(machine, "v6.7@gcc12", 9)
        assert built_ == pytest.approx(booted, rel=0.005)


def test_a_name_means_the_booted_kernel_where_it_was_booted() -> None:
    four = cell("xeon-4210r", "v6.7", order=4).workload
    assert own_build(resolve("v6.7"), four, "x86_64") == BOOTED
    assert own_build(resolve("v6.8"), four, "x86_64") == "gcc12"
    assert resolve(f"v6.7@{BOOTED}").programs == resolve("v6.7").programs


def micro_ops_per_pte(strategy: str, frames: str) -> float:
    result = price("ampere-altra", strategy, order=0, noise=False, frames=frames)
    return sum(result.micro_ops_per_pte.values())


def test_aligned_frames_make_contpte_look_whether_to_fold() -> None:
    """Once per block of 16 single pages: 2.4 micro-ops per PTE (docs/recordings.md)."""
    for strategy in ("contpte-folio-batch-v6.9@gcc12", "contpte-folio-batch-v6.12@gcc13"):
        more = micro_ops_per_pte(strategy, "aligned") - micro_ops_per_pte(strategy, "contiguous")
        assert more == pytest.approx(2.4, abs=0.3)


def test_aligned_frames_change_nothing_without_contpte() -> None:
    for strategy in ("v6.7", "folio-batch-v6.12@gcc14"):
        aligned = micro_ops_per_pte(strategy, "aligned")
        assert aligned == micro_ops_per_pte(strategy, "contiguous")


def test_contpte_kernels_that_never_met_aligned_frames_are_refused_there() -> None:
    with pytest.raises(ConfigError, match="was not recorded with aligned frames"):
        price("ampere-altra", "contpte-folio-batch-v6.12@gcc14", order=0, frames="aligned")
    with pytest.raises(ConfigError, match="was not recorded with aligned frames"):
        price("ampere-altra", "contpte-arch-batch", order=0, frames="aligned")


def test_a_name_means_a_build_that_met_the_workload() -> None:
    result = price("ampere-altra", "contpte-folio-batch-v6.12", order=0, frames="aligned")
    assert result.build == "gcc12"
