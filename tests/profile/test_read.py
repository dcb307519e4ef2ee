"""The text of ``perf script``, in the forms that perf gives it."""

from pathlib import Path

import pytest

from costmodel.config.errors import ConfigError
from costmodel.profile.read import read_profile
from costmodel.profile.stacks import Profile

CHAINS = """\
redis-server  4242 [001]  1234.567890:     250000 cycles:P: 
\tffffffff812f0a4d copy_page_range+0x4d7 ([kernel.kallsyms])
\tffffffff810a1b2c dup_mm+0x123 ([kernel.kallsyms])
\t    7f12345678b0 __libc_fork+0x10 (/usr/lib/x86_64-linux-gnu/libc.so.6)

Web Content 12/13 [000]  1234.577890:     250000 cycles:P: 
\tffffffff812f0a4d set_ptes.constprop.0+0x4 ([kernel.kallsyms])
\tffffffff812f0a4d unmap_page_range+0x4d7 ([kernel.kallsyms])
\t    7ffd12345678 [unknown] ([unknown])

:-1    -1 [001]  1234.667890:     500000 cycles:P: 
\t    55d8f2a1b2c3 std::map<int, char*>::find(int const&) const+0x10 (/usr/bin/x y)

"""


def profile(tmp_path: Path, text: str, **wanted: str) -> Profile:
    file = tmp_path / "perf.txt"
    file.write_text(text)
    return read_profile(file, **wanted)


def test_samples_have_commands_periods_and_callers(tmp_path: Path) -> None:
    found = profile(tmp_path, CHAINS)
    assert found.form == "perf script" and found.event == "cycles:P" and found.has_callers
    assert found.comms == {":-1": 500000, "redis-server": 250000, "Web Content": 250000}
    assert found.stacks[0].functions == {"copy_page_range", "dup_mm", "__libc_fork"}
    assert "set_ptes" in found.stacks[1].functions, "what the compiler appends goes"
    assert found.total == 1_000_000


def test_samples_of_unequal_periods_count_as_fewer(tmp_path: Path) -> None:
    found = profile(tmp_path, CHAINS)
    assert found.samples is not None and 2 < found.samples < 3


@pytest.mark.parametrize(
    "line",
    [
        "fork 12 100.000001: 1000 cpu-clock:pppH:  ffffffff81 copy_page_range+0x1 ([k])",
        "fork 12 100.000001: cpu-clock:  ffffffff81 copy_page_range ([kernel.kallsyms])",
        "fork    12 [000] d..1. 100.000001: 7 cpu_core/cycles/P: ffff81 copy_page_range+0x1 (x)",
        "   fork    12/12   100.000001:  7 cycles: ffffffff81 copy_page_range+0x1 ([kernel])",
    ],
)
def test_samples_without_chain_stand_in_one_line(tmp_path: Path, line: str) -> None:
    found = profile(tmp_path, "# captured on: today\n" + line + "\n")
    assert [stack.functions for stack in found.stacks] == [{"copy_page_range"}]
    assert not found.has_callers and found.comms.keys() == {"fork"}


def test_one_event_is_looked_at(tmp_path: Path) -> None:
    text = CHAINS + "fork 12 100.000001: 1 page-faults: ffffffff81 do_anonymous_page+0x1 (x)\n"
    assert profile(tmp_path, text).event == "cycles:P"
    assert profile(tmp_path, text, event="page-faults").total == 1
    with pytest.raises(ConfigError, match="--event: must be one of cycles:P, page-faults"):
        profile(tmp_path, text, event="cycels")


def test_one_command_is_then_the_whole(tmp_path: Path) -> None:
    found = profile(tmp_path, CHAINS, comm="Web Content")
    assert found.total == 250000 and len(found.stacks) == 1
    with pytest.raises(ConfigError, match="--comm: must be one of :-1, redis-server"):
        profile(tmp_path, CHAINS, comm="redis")


def test_lines_that_are_none_are_said_with_their_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        profile(tmp_path, CHAINS + "what is this\n\tand this\n")
    assert [(fault.line, fault.col) for fault in caught.value.faults] == [(14, 1), (15, 1)]
    assert "is neither a sample" in caught.value.faults[0].reason


def test_a_number_that_no_process_has_is_no_part_of_a_name(tmp_path: Path) -> None:
    lines = (
        f"{comm} 12 [000] 1.01: 7 cycles: ffff81 f+0x1 (x)\n"
        for comm in ("kworker/u16:3-events_unbound", "a" * 63, f"fork {'1' * 400}")
    )
    with pytest.raises(ConfigError) as caught:
        profile(tmp_path, "".join(lines))
    assert [fault.line for fault in caught.value.faults] == [3]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is no text of `perf report --stdio` or `perf script`"),
        ("hello\nworld\n", "is no text of `perf report --stdio` or `perf script`"),
        ("PERFILE2\0\0", "is a recording: give the text of"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        profile(tmp_path, text)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_profile(tmp_path / "none.txt")
