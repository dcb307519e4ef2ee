"""Loops as files state them."""

from __future__ import annotations

from pathlib import Path

import pytest

from costmodel.config.errors import ConfigError
from costmodel.loops.form import InstructionGroup, loops_path, read_loops


def faults_in(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "loops.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_loops(file)
    return [str(fault).removeprefix(f"{file}:") for fault in caught.value.faults]


def test_what_was_not_measured_may_be_left_out(tmp_path: Path) -> None:
    file = tmp_path / "loops.yaml"
    file.write_text("- {name: two chains, ops: [[add, 6, chain], [load, 2, chain-b]], repeat: 2}\n")
    (loop,) = read_loops(file)
    assert loop.ops == (
        InstructionGroup("add", 6, "chain", ""),
        InstructionGroup("load", 2, "chain", "b"),
    )
    assert (loop.repeat, loop.cycles) == (2, None)


def test_every_fault_is_reported_with_its_place(tmp_path: Path) -> None:
    text = """\
- {name: a, ops: [[ad, 1, chain], [add, -1, chain], [add, 1, chained]], cycles: 2}
- {name: a, ops: [[add, 1]], cycles: 0}
- {ops: [[add, 1, chain]], repeat: 0, cycels: 3}
- 7
- {name: b, ops: [[add, 9999, chain]], repeat: 3}
- {name: c, ops: [[add, 1, same-line], [jump, 1, chain-2], [call, 1, independent]]}
"""
    assert faults_in(tmp_path, text) == [
        "1:20: loops[0].ops[0][0]: unknown kind, did you mean 'add'? (got 'ad')",
        "1:41: loops[0].ops[1][1]: must be a whole number from 0 to 10000 (got -1, an int)",
        "1:62: loops[0].ops[2][2]: unknown form, did you mean 'chain'? (got 'chained')",
        "2:19: loops[1].ops[0]: must be a list [kind, count, form] (got a list)",
        "2:38: loops[1].cycles: must be more than 0.0 (got 0, an int)",
        "3:3: loops[2].name: missing key (got nothing)",
        "3:36: loops[2].repeat: must be at least 1 (got 0, an int)",
        "3:39: loops[2].cycels: unknown key, did you mean 'cycles'? (got 3, an int)",
        "4:3: loops[3]: must be a mapping of keys (got 7, an int)",
        "5:48: loops[4].repeat: makes 29997 instructions, at most 10000 (got 3, an int)",
        "6:28: loops[5].ops[0][2]: is of accesses to memory alone, which add is not "
        "(got 'same-line')",
        "6:50: loops[5].ops[1][2]: must be independent: jump has no input and no result "
        "(got 'chain-2')",
    ]


def test_a_name_stands_once(tmp_path: Path) -> None:
    loop = "- {name: a, ops: [[add, 1, chain]]}\n"
    (fault,) = faults_in(tmp_path, loop + loop)
    assert fault.startswith("2:10: loops[1].name: stands in the list already, as number 1")


@pytest.mark.parametrize("text", ["", "a: 1\n", "- [\n", "[]\n"])
def test_what_is_no_list_is_a_fault(tmp_path: Path, text: str) -> None:
    assert len(faults_in(tmp_path, text)) == 1


def test_shipped_loops_go_by_name() -> None:
    assert len(read_loops(loops_path("zen3"))) == 77
    with pytest.raises(ConfigError, match="unknown file, did you mean 'zen3'"):
        loops_path("zn3")
