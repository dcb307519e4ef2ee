"""Machine files: what the schema refuses, and how one number is changed."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from costmodel.config.errors import ConfigError
from costmodel.config.fit import Uncertainty
from costmodel.config.machine import SET_BY_USER, Machine, load_machine
from costmodel.config.resources import directory, find_file

ALTRA = (directory("machines") / "ampere-altra.yaml").read_text()
XEON = (directory("machines") / "xeon-4210r.yaml").read_text()


def faults(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "m.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        Machine.load(path)
    return [str(fault).removeprefix(f"{tmp_path}/") for fault in caught.value.faults]


def edited(text: str, key: str, old: str, new: str) -> str:
    """Replace ``old`` by ``new`` in the parameter of a key."""
    start = text.index(f" {key}: {{")
    end = text.index("}", start) + 1
    assert old in text[start:end]
    return text[:start] + text[start:end].replace(old, new, 1) + text[end:]


@pytest.mark.parametrize(
    ("compared", "fault"),
    [
        ("{frok: docs/x.md}", "compared.frok: unknown operation, did you mean 'fork'?"),
        ("{fork: 3}", "compared.fork: must be text"),
        ("{fork: ''}", "compared.fork: "),
        ("fork", "compared: "),
    ],
)
def test_what_was_compared_names_operations_and_pages(
    tmp_path: Path, compared: str, fault: str
) -> None:
    text = ALTRA.replace("isa: arm64", f"isa: arm64\ncompared: {compared}")
    (found,) = faults(tmp_path, text)
    assert re.match(r"m\.yaml:\d+:\d+: ", found)
    assert fault in found


@pytest.mark.parametrize(
    ("key", "old", "new", "fault"),
    [
        ("width", "width:", "widht:", "core.widht: unknown key, did you mean 'width'?"),
        ("width", "value: 4", "value: four", "core.width.value: must be an integer (got 'four'"),
        (
            "width",
            "value: 4",
            "value: 9",
            "core.width.value: must lie between low and high, 3 and 4",
        ),
        ("width", "low: 3", "low: 5", "core.width.low: must not be above high, 4 (got 5, an int)"),
        ("width", "high: 4", "high: 99", "core.width.high: must lie between 1 and 32 (got 99"),
        ("width", "kind: vendor", "kind: guess", "core.width.kind: must be 'vendor', 'measured'"),
        ("width", ", kind: vendor", "", "core.width.kind: missing key"),
        ("range", "source:", "low: 1, source:", "tlbi.range.low: unknown key, known: kind, "),
        (
            "far",
            "value: true",
            "value: off",
            "atomics.far.value: must be true or false (got 'off'",
        ),
        ("tick_us", "value: 2", "value: .nan", "kernel.tick_us.value: must be a finite number"),
        (
            "line_bytes",
            "value: 64, low: 64",
            "value: 48, low: 48",
            "must be a power of two (got 48",
        ),
        (
            "depth_lines",
            "kind: vendor",
            "kind: measured, kind: vendor",
            "depth_lines.kind: duplicate key",
        ),
    ],
)
def test_one_fault_one_line(tmp_path: Path, key: str, old: str, new: str, fault: str) -> None:
    found = [
        f
        for f in faults(tmp_path, edited(ALTRA, key, old, new))
        if "missing key" not in f or "missing" in fault
    ]
    assert len(found) == 1
    assert re.match(r"m\.yaml:\d+:\d+: ", found[0])
    assert fault in found[0]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.write_bytes(b"#" * (1 << 21)), "is larger than 1048576 bytes"),
        (lambda path: path.mkdir(), "cannot be read: Is a directory"),
        (lambda path: path.symlink_to("/dev/zero"), "is larger than 1048576 bytes"),
        (lambda path: path.write_bytes(b"\xff"), "is not UTF-8 text"),
    ],
)
def test_what_is_no_machine_file_is_not_read_whole(
    make: Callable[[Path], object], reason: str, tmp_path: Path
) -> None:
    make(tmp_path / "cpu.yaml")
    with pytest.raises(ConfigError, match=reason):
        Machine.load(tmp_path / "cpu.yaml")


def test_the_source_must_not_be_empty(tmp_path: Path) -> None:
    text = re.sub(r'(retire_width: .*source: )"[^"]*"', r'\1""', ALTRA)
    assert ["core.retire_width.source: must not be empty" in f for f in faults(tmp_path, text)] == [
        True
    ]


def test_levels_of_the_hierarchy_must_be_in_order(tmp_path: Path) -> None:
    larger = ALTRA.replace(
        "value: 64 KiB, low: 64 KiB, high: 64 KiB", "value: 2 MiB, low: 2 MiB, high: 2 MiB"
    )
    slower = edited(larger, "size_bytes", "2 MiB", "2 MiB").replace(
        "value: 33, low: 24", "value: 2, low: 2"
    )
    found = faults(tmp_path, slower)
    assert any("caches.l1.size_bytes.value: must be below caches.l2.size_bytes" in f for f in found)


def test_each_instruction_set_has_its_own_parameters(tmp_path: Path) -> None:
    without = ALTRA.replace("  store_only_cycles:", "  locked_cycles:")
    assert [fault.split(": ", 1)[1] for fault in faults(tmp_path, without)] == [
        "atomics.store_only_cycles: missing key, arm64 has it (got nothing)",
        "atomics.locked_cycles: is not used on arm64: leave it out (got nothing)",
    ]
    assert "atomics.far" not in load_machine("xeon-4210r").parameters
    assert load_machine("xeon-4210r").atomics.far.value is False


def test_parameters_go_by_dotted_key_in_file_order() -> None:
    parameters = load_machine("ampere-altra").parameters
    assert next(iter(parameters)) == "core.clock_ghz"
    assert parameters["caches.l1.size_bytes"].value == 65536
    assert parameters["tlbi.range"].low is False


def test_a_changed_number_says_so_and_widens_its_interval() -> None:
    altra = load_machine("ampere-altra")
    changed = altra.with_value("core.clock_ghz", 3.5)
    clock = changed.core.clock_ghz
    assert (clock.value, clock.low, clock.high, clock.source) == (3.5, 2.99, 3.5, SET_BY_USER)
    assert altra.core.clock_ghz.value == 3.0
    assert changed.caches == altra.caches


@given(st.floats(0, 2000))
def test_every_value_inside_the_bounds_can_be_set(cycles: float) -> None:
    parameter = XEON_MACHINE.with_value("atomics.locked_cycles", cycles).atomics.locked_cycles
    assert parameter.low <= parameter.value == cycles <= parameter.high


XEON_MACHINE = load_machine("xeon-4210r")


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("tlbi.rnage", True, "unknown key, did you mean 'tlbi.range'? (got true)"),
        ("core", 1, "unknown key"),
        ("tlbi.range", 1, "must be true or false (got 1, an int)"),
        ("core.width", 4.0, "must be an integer (got 4.0, a float)"),
        ("core.width", True, "must be an integer (got true)"),
        ("core.width", 64, "must lie between 1 and 32 (got 64, an int)"),
        ("caches.l1.replacement", "fifo", "must be 'lru', 'random' or 'adaptive'"),
        ("caches.l1.size_bytes", "4 MiB", "must be below caches.l2.size_bytes"),
        ("caches.llc.latency_ns", 3.0, "must be above the latency of the L2"),
    ],
)
def test_overrides_are_checked(key: str, value: object, fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_machine("ampere-altra").with_value(key, value, origin="--set")
    assert len(caught.value.faults) == 1
    line = str(caught.value.faults[0])
    assert line.startswith(f"--set: ampere-altra.{key}: ")
    assert fault in line


def test_values_that_fit_only_together_can_be_set_together() -> None:
    altra = load_machine("ampere-altra")
    larger = {"caches.l1.size_bytes": "4 MiB", "caches.l2.size_bytes": "8 MiB"}
    assert altra.with_values(larger).caches.l1.size_bytes.value == 4 << 20


FIT = """
fit:
  rows: [T1/1]
  priors:
    kernel.table_alloc_ns: {value: 1, low: 0, high: 500, kind: inferred, source: "a"}
  uncertainty:
    keys: [kernel.table_alloc_ns, core.width]
    stdev: [1, 0.5]
    correlation: [[], [0.5]]
"""


def load(tmp_path: Path, fit: str) -> Machine:
    path = tmp_path / "machine.yaml"
    path.write_text(find_file("machines", "graviton3").read_text() + fit)
    return Machine.load(path)


def test_a_fit_is_read(tmp_path: Path) -> None:
    fit = load(tmp_path, FIT).fit
    assert fit is not None
    assert fit.rows == ["T1/1"]
    assert fit.uncertainty.matrix() == pytest.approx(np.array([[1, 0.5], [0.5, 1]]))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("core.width]", "core.wdth]", r"fit.uncertainty.keys\[1\]: unknown key, did you mean"),
        ("    kernel.table", "    kernel.tabel", "fit.priors.* unknown key, did you mean"),
        ("stdev: [1, 0.5]", "stdev: [1]", "must have 2 numbers, one per key"),
        ("[[], [0.5]]", "[[], [1.5]]", "must be at most 1"),
        ("[[], [0.5]]", "[[]]", "must have one row per key"),
        ("rows: [T1/1]", "rows: []", "must not be empty"),
        ("stdev: [1, 0.5]", "stdev: [1, 0]", "must be more than 0"),
    ],
)
def test_what_does_not_fit_together_is_a_fault(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        load(tmp_path, FIT.replace(old, new, 1))


def test_a_matrix_that_no_numbers_can_have_is_refused() -> None:
    with pytest.raises(ValidationError, match="positive semidefinite"):
        Uncertainty(keys=["a", "b", "c"], stdev=[1.0] * 3, correlation=[[], [0.9], [0.9, -0.9]])
