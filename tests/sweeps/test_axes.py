"""What a sweep varies, as options and files say it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.config.errors import ConfigError, Faults
from costmodel.config.machine import load_machine
from costmodel.sweeps.axes import SweepAxis, axis_faults, parse_over, spelled_out, sweep_axis_of

ALTRA = load_machine("ampere-altra")
XEON = load_machine("xeon-4210r")


@pytest.mark.parametrize(
    ("text", "axis"),
    [
        ("tlbi.issue_ns=5..50:3", SweepAxis("tlbi.issue_ns", low=5, high=50, count=3)),
        (
            "tlbi.issue_ns=5..50:3:log",
            SweepAxis("tlbi.issue_ns", low=5, high=50, count=3, spacing="log"),
        ),
        ("tlbi.issue_ns=5..50", SweepAxis("tlbi.issue_ns", low=5, high=50)),
        ("tlbi.issue_ns", SweepAxis("tlbi.issue_ns")),
        ("tlbi.issue_ns=own:4", SweepAxis("tlbi.issue_ns", count=4)),
        ("core.width=3,4", SweepAxis("core.width", values=(3, 4))),
        ("tlbi.range=true", SweepAxis("tlbi.range", values=(True,))),
        ("memory=2 MiB..1 GiB:5", SweepAxis("memory", low=2**21, high=2**30, count=5)),
        ("folio_share=10%..50%:3", SweepAxis("folio_share", low=0.1, high=0.5, count=3)),
        ("folio_share=10%,0.5", SweepAxis("folio_share", values=(0.1, 0.5))),
        ("holes=10%..90%:3", SweepAxis("holes", low=0.1, high=0.9, count=3)),
        ("mitigations=off,auto", SweepAxis("mitigations", values=("off", "auto"))),
    ],
)
def test_an_option_says_what_varies(text: str, axis: SweepAxis) -> None:
    assert parse_over([text]) == (axis,)


def test_every_fault_of_the_options_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_over(["a=", "b=5..1:3", "c=1..2:x", "d=1,1", "e=1..2", "e=1..3", "f=.."])
    lines = caught.value.lines()
    assert len(lines) == 6
    assert all(line.startswith("--over") for line in lines)


def test_what_is_right_is_looked_at_beside_what_is_wrong() -> None:
    faults = Faults()
    (axis,) = parse_over(["a=9..1", "tlbi.issue_ns=1..2:3"], faults=faults)
    assert axis.key == "tlbi.issue_ns" and len(faults.found) == 1


@pytest.mark.parametrize(
    ("key", "how"),
    [
        ("order", "give --order several times"),
        ("orders", "give --order several times"),
        ("strategy", "give --strategy several times"),
        ("machines", "give --machine several times"),
        ("kernels", "--over build=NAME,NAME"),
    ],
)
def test_a_key_that_cannot_vary_says_how_to_ask_instead(key: str, how: str) -> None:
    ((named, reason, _),) = axis_faults(parse_over([f"{key}=a,b"]), {ALTRA.name: ALTRA}, grid=True)
    assert named == key and how in reason


@given(st.floats(0.1, 1e3), st.floats(1.01, 1e3), st.sampled_from(["linear", "log"]))
def test_a_range_ends_where_it_says(low: float, factor: float, spacing: str) -> None:
    axis = sweep_axis_of("x", f"{low!r}..{low * factor!r}:3:{spacing}")
    assert axis.low is not None and axis.high is not None
    ends = axis.at(np.array([0.0, 1.0]), axis.low, axis.high)
    np.testing.assert_allclose(ends, [low, low * factor])


def test_an_axis_says_itself_again() -> None:
    for text in ("5..50:3:log", "0.1..2", "own:4", "own", "3,4", "off,auto"):
        assert sweep_axis_of("x", text).text == text


def test_uncertain_is_every_number_with_an_interval() -> None:
    keys = {axis.key for axis in spelled_out([SweepAxis("uncertain")], [ALTRA])}
    exact = {k for k, p in ALTRA.parameters.items() if p.low == p.high}
    assert "atomics.line_change_cycles" in keys
    assert not keys & exact


def test_one_number_varies_along_one_axis() -> None:
    axes = parse_over(["core.width=2,3", "ampere-altra.core.width=4,5"])
    found = list(axis_faults(axes, {"ampere-altra": ALTRA}, grid=True))
    assert [(key, reason) for key, reason, _ in found] == [
        ("ampere-altra.core.width", "sets the same number as core.width: vary one of them")
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("tlbi.isue_ns=1..2:2", "did you mean 'tlbi.issue_ns'"),
        ("tlbi.range=own:2", "has no range"),
        ("tlbi.issue_ns=1..2", "how many points"),
        ("tlbi.issue_ns=-5..2:2", "must lie between"),
        ("core.width=4.5", "must be an integer"),
        ("kernel.table_alloc_ns=own:3:log", "above 0"),
    ],
)
def test_what_no_machine_can_have_is_refused(text: str, reason: str) -> None:
    found = list(axis_faults(parse_over([text]), {"ampere-altra": ALTRA}, grid=True))
    assert len(found) == 1
    assert reason in found[0][1]


def test_an_axis_may_be_one_machine_s() -> None:
    machines = {m.name: m for m in (ALTRA, XEON)}
    assert not list(axis_faults(parse_over(["tlbi.issue_ns=1..2:2"]), machines, grid=True))
    assert not list(axis_faults(parse_over(["xeon-4210r.core.width=4,5"]), machines, grid=True))
