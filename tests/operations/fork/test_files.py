"""Fork of a private mapping of a file: what is executed, what is counted, who was recorded."""

from __future__ import annotations

import pytest

import costmodel
from costmodel.checking.check import check_strategy, standard_layouts
from costmodel.checking.run import Subject
from costmodel.config.errors import ConfigError
from costmodel.mm.address_space import Rss
from costmodel.mm.folio import Folio
from costmodel.mm.violations import Guarantee
from costmodel.operations.fork import batching, per_pte
from costmodel.operations.fork.mm import ForkOperation
from costmodel.operations.shared.entry import Steps
from costmodel.strategies.builds import builds_for
from costmodel.strategies.catalogue import built_in
from costmodel.studies import Price

FILE_BUILD = "gcc12-file"
RECORDED = {
    "x86_64": {
        "v6.7", "v6.8", "folio-batch-prototype", "folio-batch-off-by-one", "folio-batch-v6.9",
        "folio-batch-v6.12", "folio-batch-v7.2",
    },
    "arm64": {
        "v6.7", "v6.8", "folio-batch-v6.9", "folio-batch-v6.12", "folio-batch-v7.2",
        "contpte-folio-batch-v6.9", "contpte-folio-batch-v6.12",
    },
}  # fmt: skip


def cost(strategy: str, state: str = "file", order: int = 0, machine: str = "xeon-4210r") -> Price:
    return costmodel.price(machine, strategy, memory="8 MiB", order=order, state=state)


@pytest.mark.parametrize("isa", RECORDED)
def test_who_was_recorded(isa: str) -> None:
    known = built_in("fork").values()
    assert {each.name for each in known if FILE_BUILD in builds_for(each, isa)} == RECORDED[isa]


@pytest.mark.parametrize("order", [0, 2, 9])
def test_atomics_are_a_reference_and_a_mapping_and_no_entry_is_protected(order: int) -> None:
    one_by_one, batch = cost("v6.7", order=order), cost("folio-batch-v6.9", order=order)
    pages = 1 << order

    assert one_by_one.micro_ops_per_pte["rmw"] == pytest.approx(2, abs=0.02)
    assert batch.micro_ops_per_pte["rmw"] == pytest.approx(1 + 1 / pages, abs=0.02)
    for each in (one_by_one, batch):
        assert each.micro_ops_per_pte["store"] < 20
    assert one_by_one.build == FILE_BUILD


@pytest.mark.parametrize("name", sorted(RECORDED["x86_64"] - {"folio-batch-off-by-one"}))
def test_there_is_less_to_do_than_for_memory_that_was_written(name: str) -> None:
    for order in (0, 4):
        assert cost(name, order=order).ns_per_pte < cost(name, "writable", order).ns_per_pte


def test_contiguous_blocks_stay_folded() -> None:
    batch = cost("contpte-folio-batch-v6.12", order=4, machine="ampere-altra")
    assert batch.micro_ops_per_pte.get("tlbi", 0) == pytest.approx(0, abs=0.01)


def test_a_file_mapping_that_is_not_counted_is_found() -> None:
    def forgetful(fork: ForkOperation) -> Steps:
        counted = fork.mapcount_add

        def anonymous_alone(folio: Folio, page: int) -> None:
            if folio.anon:
                counted(folio, page)

        fork.mapcount_add = anonymous_alone  # type: ignore[method-assign,assignment]
        return batching.v6_12(fork)

    report = check_strategy(Subject("it", forgetful, flushes=False), standard_layouts(0, seed=0))
    assert {fault.guarantee for fault in report.breaks} == {Guarantee.MAPCOUNT}


def test_file_pages_counted_as_anonymous_memory_are_found() -> None:
    def mistaken(fork: ForkOperation) -> Steps:
        fork.rss_of = lambda folio: Rss.ANON  # type: ignore[method-assign]
        return per_pte.copy_per_pte(fork)

    report = check_strategy(Subject("it", mistaken, flushes=False), standard_layouts(0, seed=0))
    assert {fault.guarantee for fault in report.breaks} == {Guarantee.RSS}


def test_a_strategy_without_a_recording_is_refused_with_those_that_have_one() -> None:
    with pytest.raises(ConfigError, match=r"in the state 'file'; recorded were: v6\.7"):
        cost("folio-scan-v3")
