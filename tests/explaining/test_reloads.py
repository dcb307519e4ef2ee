"""Which loads differ between two builds of one source."""

from __future__ import annotations

import pytest

from costmodel import cell
from costmodel.code.uops import Kind, Target
from costmodel.experiment import Cell, executed
from costmodel.explaining.reloads import LEAST, MOST_PLACES, reloads_between


def asked(build: str) -> Cell:
    return cell("xeon-4210r", "folio-batch-v6.12", order=0, build=build, memory="64 MiB")


def test_gcc_12_reads_the_vma_pointer_again_behind_the_atomics() -> None:
    """The known cause of its slow order-0 loop (docs/builds.md)."""
    found = reloads_between(asked("gcc12"), asked("gcc13-distro"))
    more = [
        one
        for one in found
        if one.change > 0 and (one.place.target, one.place.points_to) == (Target.STACK, Target.VMA)
    ]
    assert {one.place.behind for one in more} & {"get", "map"}
    assert max(one.effect_ns for one in more) > 0.5


def test_a_build_beside_itself_has_no_reloads() -> None:
    assert reloads_between(asked("gcc12"), asked("gcc12")) == ()


def test_the_other_way_round_is_the_negative() -> None:
    there, back = (
        {one.place: one for one in reloads_between(asked(a), asked(b))}
        for a, b in (("gcc14", "gcc13"), ("gcc13", "gcc14"))
    )
    assert there.keys() == back.keys() and len(there) <= MOST_PLACES
    for place, one in there.items():
        assert one.change == pytest.approx(-back[place].change)
        assert one.effect_ns == pytest.approx(-back[place].effect_ns)
        assert abs(one.change) >= LEAST


def test_no_place_has_more_loads_than_the_trace() -> None:
    new = asked("gcc14")
    (run, *_) = executed(new)
    loads = int((run.trace.kind == Kind.LOAD).sum()) / run.ptes
    assert sum(one.new_count for one in reloads_between(new, asked("gcc12"))) <= loads + 1
