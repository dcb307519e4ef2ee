"""What mprotect costs, against what was published and what must be so."""

from __future__ import annotations

import pytest

import costmodel
from costmodel.strategies.builds import known_builds


def ns(machine: str, strategy: str, order: int, state: str) -> float:
    cost = costmodel.price(
        machine, strategy, operation="mprotect", order=order, state=state, memory="64 MiB"
    )
    return cost.ns_per_pte


@pytest.mark.parametrize("machine", ["xeon-4210r", "ampere-altra", "epyc-milan"])
def test_order_0_became_slower_and_the_cure_gives_part_of_it_back(machine: str) -> None:
    """Published of v6.17 for shared dirty pages: 8 to 14 ns; 347 to 578 ns in a guest."""
    before, batched, cured = (
        ns(machine, strategy, 0, "shared-to-read-only")
        for strategy in ("v6.12", "folio-batch-v6.17", "folio-batch-single-pte")
    )
    assert before < cured < batched


@pytest.mark.parametrize("order", [4, 9])
def test_contiguous_blocks_stay_folded(order: int) -> None:
    """Published for an Apple M3: 2.0 to 0.7 s with 64 KiB folios, 2.1 to 0.65 s with 2 MiB."""
    before = ns("ampere-altra", "contpte-per-pte", order, "both-ways")
    assert ns("ampere-altra", "contpte-folio-batch-v6.17", order, "both-ways") < before / 3


def test_both_ways_are_the_sum_of_the_two() -> None:
    parts = [ns("xeon-4210r", "v6.12", 0, state) for state in ("to-read-only", "to-writable")]
    assert ns("xeon-4210r", "v6.12", 0, "both-ways") == pytest.approx(sum(parts), rel=0.02)


def test_pages_are_looked_at_only_on_the_way_to_writable_private_memory() -> None:
    def page_loads(state: str) -> float:
        cost = costmodel.price(
            "xeon-4210r", "v6.12", operation="mprotect", memory="2 MiB", order=0, state=state
        )
        return cost.micro_ops_per_pte["load"]

    assert page_loads("to-writable") > page_loads("to-read-only") + 3
    assert page_loads("shared-to-writable") == pytest.approx(page_loads("shared-to-read-only"))


def test_x86_flushes_only_where_rights_are_taken_away() -> None:
    def around(machine: str, state: str) -> float:
        cost = costmodel.price(
            machine, "v6.12", operation="mprotect", memory="2 MiB", order=0, state=state
        )
        return cost.segments_ns_per_pte["around"]

    assert around("xeon-4210r", "to-writable") < around("xeon-4210r", "to-read-only")
    assert around("ampere-altra", "to-writable") == around("ampere-altra", "to-read-only")


def test_userfaultfd_needs_a_kernel_that_has_it() -> None:
    """The booted build has none: the name of a strategy then means a build that has."""
    cost = costmodel.price("xeon-4210r", "v6.12", operation="mprotect", state="to-write-protected")
    assert "USERFAULTFD" in known_builds()[cost.build].options
    with pytest.raises(costmodel.ConfigError, match="has no CONFIG_USERFAULTFD"):
        costmodel.price(
            "xeon-4210r", "v6.12@gcc12-booted", operation="mprotect", state="to-write-protected"
        )


def test_userfaultfd_protects_512_mib_in_milliseconds() -> None:
    """F08 (<20220927162957.270460-1-shiyn.lin@gmail.com>, x86 guest, v6.0-rc5): 3.9 ms."""
    cost = costmodel.price(
        "xeon-4210r", "v6.12", operation="mprotect", state="to-write-protected", memory="512 MiB"
    )
    assert 3.9e6 / 1.6 < cost.ns_per_pte * (512 << 8) < 3.9e6 * 1.6


@pytest.mark.parametrize("strategy", ["v6.12", "folio-batch-v6.17"])
@pytest.mark.parametrize("machine", ["xeon-4210r", "ampere-altra"])
def test_userfaultfd_costs_about_what_the_same_change_of_rights_does(
    machine: str, strategy: str
) -> None:
    uffd = f"{strategy}@gcc12-uffd"
    pairs = ("to-write-protected", "to-read-only"), ("to-write-resolved", "to-writable")
    for tracked, plain in pairs:
        assert ns(machine, uffd, 0, tracked) == pytest.approx(ns(machine, uffd, 0, plain), rel=0.15)
