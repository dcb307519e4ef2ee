"""Archives that are priced as they were recorded: whole tables, of any operation."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costmodel import price
from costmodel.config.errors import ConfigError
from costmodel.recorder import load_program
from costmodel.recorder.build_archive import BuildArchive, BuildInfo, load_archive, save_archive
from costmodel.strategies.recorded import of_archive
from tests.hostile.mutations import damaged_data, examples

MACHINE = "xeon-4210r"
NUMBER = count()


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


DEBIAN_ZAP = Path(__file__).parents[1] / "loops/debian_6_12_zap.ckb"


@pytest.mark.parametrize(("frames", "read"), [("contiguous", True), ("scattered", False)])
def test_frames_that_lie_as_their_entries_have_their_own_release(
    frames: str, read: bool, tmp_path: Path
) -> None:
    """Kernels with contpte are recorded with such frames, too; here their release is order 4's."""
    debian = load_archive(DEBIAN_ZAP)
    held, slots = dict(debian.program.recordings), dict(debian.info.slots)
    held["munmap/order0_aligned"] = replace(held["munmap/order0_table"], layout="order0_aligned")
    held["munmap/order0_aligned_release"] = held["munmap/order4_release"]
    slots["munmap/order0_aligned_release"] = slots["munmap/order0_release"]
    info, program = replace(debian.info, slots=slots), replace(debian.program, recordings=held)
    save_archive(tmp_path / "aligned.ckb", BuildArchive(info, program))
    each = (
        price(MACHINE, f"@{path}", operation="zap", state="munmap", frames=frames, memory="2 MiB")
        for path in (DEBIAN_ZAP, tmp_path / "aligned.ckb")
    )
    plain, aligned = (cost.segments_ns_per_pte for cost in each)
    assert aligned["unmap"] == plain["unmap"]
    assert (aligned["release"] < 0.9 * plain["release"]) == read


def _rewritten(path: Path, member: str, change: Callable[[bytes], bytes]) -> None:
    """Write an archive again with one member changed, as a whole and valid zip file."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members[member] = change(members[member])
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def test_an_archive_whose_content_was_changed_is_refused(protecting: str, tmp_path: Path) -> None:
    path = tmp_path / "copy.ckb"
    path.write_bytes(Path(protecting[1:]).read_bytes())
    _rewritten(path, "kind.npy", lambda content: content)
    assert len(load_archive(path).program.kind)  # the same content, packed otherwise
    _rewritten(path, "kind.npy", lambda content: content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ConfigError, match="is damaged: record it again"):
        load_archive(path)


def _said(path: Path) -> dict[str, Any]:
    """Return what is said about the build in an archive."""
    with np.load(path) as arrays:
        said: dict[str, Any] = json.loads(arrays["meta"].tobytes())
    return said


def _saying(path: Path, said: object, whole: Path) -> Path:
    """Write a copy of a whole archive of which something else is said."""
    made = io.BytesIO()
    np.save(made, np.frombuffer(json.dumps(said).encode(), dtype=np.uint8))
    path.write_bytes(whole.read_bytes())
    _rewritten(path, "meta.npy", lambda _: made.getvalue())
    return path


def test_what_is_said_about_a_build_is_under_its_checksum(protecting: str, tmp_path: Path) -> None:
    whole = Path(protecting[1:])
    path = _saying(tmp_path / "x.ckb", _said(whole) | {"contpte": True}, whole)
    with pytest.raises(ConfigError, match="is damaged: record it again"):
        load_archive(path)


@given(damaged_data({key: said for key, said in _said(DEBIAN_ZAP).items() if key != "sha256"}))
@settings(max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.filterwarnings("ignore:.*has no checksum")
def test_whatever_is_said_about_a_build_is_one_line_or_a_strategy(
    tmp_path: Path, said: Any
) -> None:
    """Without a checksum it is read: a loop that nobody has, or flags of another kind."""
    try:
        path = _saying(tmp_path / f"{next(NUMBER)}.ckb", said, DEBIAN_ZAP)
    except UnicodeEncodeError:
        return
    try:
        of_archive(f"@{path}", "zap", "STRATEGY")
    except ConfigError as error:
        (line,) = error.lines()
        assert line.isprintable() and line.isascii()
    finally:
        path.unlink()


def test_an_archive_without_a_checksum_says_so_once(protecting: str, tmp_path: Path) -> None:
    whole = Path(protecting[1:])
    said_without = {key: said for key, said in _said(whole).items() if key != "sha256"}
    path = _saying(tmp_path / "old.ckb", said_without, whole)
    with pytest.warns(FutureWarning, match="has no checksum: record it again") as said:
        assert len(load_archive(path).program.kind)
        assert load_archive(path, origin=f"@{path}") is load_archive(path)
    assert len(said) == 1


def test_an_archive_that_unpacks_to_more_than_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.ckb"
    bomb = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED)
    with bomb as archive, archive.open("kind.npy", "w") as member:
        for _ in range(1 + (1 << 30) // (1 << 24)):
            member.write(bytes(1 << 24))
    with pytest.raises(ConfigError, match=r"is no archive of a recorded build \(got 1040 MiB"):
        load_archive(path)


@given(st.integers(0, 10**6), st.binary(min_size=1, max_size=4))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_archive_is_one_line(protecting: str, at: int, junk: bytes) -> None:
    whole = Path(protecting[1:]).read_bytes()
    at %= len(whole)
    path = Path(protecting[1:]).with_name("damaged.ckb")
    for content in (whole[:at], whole[:at] + junk + whole[at + len(junk) :]):
        path.write_bytes(content)
        try:
            load_archive(path)
        except ConfigError as error:
            (line,) = error.lines()
            assert line.isprintable() and str(path) in line
