"""A user's change of a kernel is priced in every build of that kernel that runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from costmodel import cell, price, study
from costmodel.config.errors import ConfigError
from costmodel.config.resources import names
from costmodel.strategies.builds import (
    builds_for,
    builds_on,
    kernel_changed_by,
    not_recorded,
)
from costmodel.strategies.resolve import resolve

FILE = '''
from costmodel.strategies import fork as k

def as_it_is(fork):
    """v6.12."""
    return k.v6_12(fork)

def no_mark(fork):
    """v6.12 without the atomic that takes the exclusive mark."""
    return k.dropping(k.v6_12(fork), "clear_exclusive")

def one_more(fork):
    """v6.12, with a look at the page's flags."""

    def look(event):
        flags = yield k.load(k.Target.PAGE, 64 * event.page)
        yield k.branch("may share?", flags, taken=True)

    return k.before(k.v6_12(fork), "get", look)

def sets_first(fork):
    """v6.12, with events in an order that kernels do not have."""
    kept = []
    for step in k.v6_12(fork):
        if getattr(step, "event", "") == "get":
            kept.append(step)
            continue
        yield step
        if getattr(step, "event", "") == "set":
            yield from kept
            kept.clear()
'''
MACHINES = names("machines")


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    return str(path)


def test_its_builds_are_those_of_the_kernel_that_it_changes(file: str) -> None:
    mine, kernel = resolve(f"{file}:as_it_is"), resolve("folio-batch-v6.12")
    for isa in ("arm64", "x86_64"):
        assert builds_for(mine, isa) == builds_for(kernel, isa)
        assert kernel_changed_by(mine, isa) is kernel
    assert kernel_changed_by(kernel, "x86_64") is None


@pytest.mark.parametrize("machine", MACHINES)
def test_work_that_is_added_is_shown_in_the_build_of_the_kernel_and_no_faster(
    file: str, machine: str
) -> None:
    more, kernel = f"{file}:one_more", "folio-batch-v6.12"
    beside = study(machines=machine, strategies=[more, kernel], orders=[0, 9], noise=False)
    for order in (0, 9):
        mine, theirs = beside[machine, more, order], beside[machine, kernel, order]
        assert mine.result.build == theirs.result.build
        # Half a percent of the strategy's own time may be an accident of ports (docs/model.md).
        assert 100 + mine.change.mean_pct > 0.995 * (100 + theirs.change.mean_pct)


def test_its_row_does_not_depend_on_the_table(file: str) -> None:
    more = f"{file}:one_more"
    alone = study(machines="xeon-4210r", strategies=more, orders=[0, 4], noise=False)
    beside = study(
        machines="xeon-4210r", strategies=[more, "folio-batch-v6.12"], orders=[0, 4], noise=False
    )
    for order in (0, 4):
        one, other = (table["xeon-4210r", more, order] for table in (alone, beside))
        assert one.result.build == other.result.build
        assert one.change.mean_pct == other.change.mean_pct


def test_a_build_that_lacks_its_steps_is_left_out(file: str) -> None:
    mine, isa = resolve(f"{file}:sets_first"), "x86_64"
    workload = cell("xeon-4210r", f"{file}:as_it_is").workload
    assert "gcc13" in builds_on(resolve(f"{file}:as_it_is"), workload, isa)
    assert "gcc13" not in builds_on(mine, workload, isa)
    why = not_recorded(mine, workload, isa, build="gcc13")
    assert why.startswith("does not run on build gcc13: ")


@pytest.mark.parametrize(
    ("machine", "build"), [("xeon-4210r", "gcc16-distro"), ("ampere-altra", "clang21")]
)
def test_an_unchanged_loop_costs_what_the_kernel_of_the_build_costs(
    file: str, machine: str, build: str
) -> None:
    for order in (0, 3):
        mine, kernel = (
            price(machine, f"{name}@{build}", order=order).ns_per_pte
            for name in (f"{file}:as_it_is", "folio-batch-v6.12")
        )
        assert mine == pytest.approx(kernel, rel=1e-6)


def test_its_change_is_a_range_over_builds(file: str) -> None:
    name = f"{file}:no_mark"
    found = study(machines="xeon-4210r", strategies=[name], orders=4, noise=False)
    builds = found["xeon-4210r", name, 4].builds
    assert builds is not None
    assert len(builds.changes_pct) >= 5
    for build, change in builds.changes_pct.items():
        new, base = (
            price("xeon-4210r", f"{one}@{build}", order=4).ns_per_pte for one in (name, "v6.7")
        )
        assert change == pytest.approx(100 * (new / base - 1))


def test_an_atomic_less_is_faster_in_every_build(file: str) -> None:
    for build in set(builds_for(resolve(f"{file}:no_mark"), "x86_64")) - {"gcc12-file"}:
        less, all_of_them = (
            price("xeon-4210r", f"{file}:{name}@{build}", order=9).ns_per_pte
            for name in ("no_mark", "as_it_is")
        )
        assert less < all_of_them


@pytest.mark.parametrize(
    ("build", "fault"),
    [
        ("gcc12-paravirt", r"was not recorded of it; .*\(got '.*:no_mark@gcc12-paravirt'\)"),
        ("nowhere", "no archive nowhere.ckb, and unknown build, known: clang21"),
    ],
)
def test_a_build_that_it_does_not_have_is_refused(file: str, build: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        resolve(f"{file}:no_mark@{build}")
