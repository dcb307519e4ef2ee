"""Archives that are priced as they were recorded: whole tables, of any operation."""

from __future__ import annotations

from pathlib import Path

import pytest

from costmodel import price
from costmodel.config.errors import ConfigError
from costmodel.recorder import load_program
from costmodel.recorder.build_archive import BuildArchive, BuildInfo, save_archive

MACHINE = "xeon-4210r"


@pytest.fixture(scope="module")
def protecting(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the name of an archive of the kernel that ``v6.12`` of mprotect stands on."""
    info = BuildInfo(
        name="base", operation="mprotect", isa="x86_64", version="6.12.117", compiler="gcc",
        config_hash="0", contpte=False, mitigations=False, cpu="cascade-lake", uncut="no loop",
    )  # fmt: skip
    path = tmp_path_factory.mktemp("archives") / "base.ckb"
    save_archive(path, BuildArchive(info, load_program("mprotect", "v6.12.117.x86_64")))
    return f"@{path}"


def ns_per_pte(strategy: str, state: str) -> float:
    cost = price(MACHINE, strategy, operation="mprotect", memory="64 MiB", order=9, state=state)
    return cost.ns_per_pte


@pytest.mark.parametrize("state", ["to-read-only", "to-writable", "shared-to-read-only"])
def test_a_recorded_table_costs_what_its_steps_cost(protecting: str, state: str) -> None:
    assert ns_per_pte(protecting, state) == pytest.approx(ns_per_pte("v6.12", state), rel=0.03)


def test_a_state_that_was_not_recorded_is_refused(protecting: str) -> None:
    with pytest.raises(ConfigError, match=r"states to-read-only, .* \(got both-ways\)"):
        ns_per_pte(protecting, "both-ways")


def test_an_order_that_was_not_recorded_is_refused(protecting: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds tables of the orders 9 \(got order 0\)"):
        price(MACHINE, protecting, operation="mprotect", memory="64 MiB", order=0)
