"""A user's change of a kernel is priced in every build of that kernel that runs any layout."""

from __future__ import annotations

from pathlib import Path

import pytest

from costmodel import price, study
from costmodel.config.errors import ConfigError
from costmodel.strategies.builds import BOOTED, builds_for
from costmodel.strategies.resolve import resolve

FILE = '''
from costmodel.strategies import fork as k

def as_it_is(fork):
    """v6.12."""
    return k.v6_12(fork)

def no_mark(fork):
    """v6.12 without the atomic that takes the exclusive mark."""
    return k.dropping(k.v6_12(fork), "clear_exclusive")
'''


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    return str(path)


def test_builds_that_run_any_layout_are_its_builds(file: str) -> None:
    builds = builds_for(resolve(f"{file}:as_it_is"), "x86_64")
    assert builds[0] == BOOTED
    assert {"gcc12-own", "gcc16", "clang21", "gcc16-distro"} < set(builds)
    assert "gcc13" not in builds  # recorded at two orders


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
    for build in builds_for(resolve(f"{file}:no_mark"), "x86_64"):
        less, all_of_them = (
            price("xeon-4210r", f"{file}:{name}@{build}", order=9).ns_per_pte
            for name in ("no_mark", "as_it_is")
        )
        assert less < all_of_them


@pytest.mark.parametrize(
    ("build", "fault"),
    [
        ("gcc13", "was not recorded of it; builds: gcc12-booted, gcc12-own"),
        ("nowhere", "no such archive: costmodel record writes nowhere.ckb"),
    ],
)
def test_a_build_that_it_does_not_have_is_refused(file: str, build: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        resolve(f"{file}:no_mark@{build}")
