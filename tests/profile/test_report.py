"""The text of ``perf report --stdio``, in the forms that perf gives it."""

from pathlib import Path

import pytest

from costmodel.config.errors import ConfigError
from costmodel.profile.read import read_profile
from costmodel.profile.shares import share_of
from costmodel.profile.stacks import Profile
from costmodel.results.text.share import shares_text

HEAD = """\
# To display the perf.data header info, please use --header/--header-only options.
#
#
# Total Lost Samples: 0
#
# Samples: 12K of event 'cycles:P'
# Event count (approx.): 9876543210
#
"""
FLAT = (
    HEAD
    + """\
# Overhead  Command          Shared Object         Symbol                        
# ........  ...............  ....................  ..............................
#
    40.00%  redis-server     redis-server          [.] processCommand
    20.00%  redis-server     [kernel.kallsyms]     [k] copy_page_range
    10.00%  redis-server     [kernel.kallsyms]     [k] vm_normal_page
     5.00%  Web Content      [kernel.kallsyms]     [k] zap_present_ptes.isra.0
     4.00%  redis-server     libc.so.6             [.] 0x00000000000a1b2c


#
# (Tip: For a higher level overview, try: perf report --sort comm,dso)
#
"""
)
CHILDREN = (
    HEAD
    + """\
# Children      Self  Command       Shared Object      Symbol
# ........  ........  ............  .................  .........................
#
    70.00%     0.03%  redis-server  [kernel.kallsyms]  [k] do_syscall_64
            |
            ---do_syscall_64
               |
               |--45.00%--__do_sys_clone
               |          kernel_clone
               |          copy_process
               |          dup_mm
               |          copy_page_range
               |
                --25.00%--__x64_sys_exit_group

    45.00%    30.00%  redis-server  [kernel.kallsyms]  [k] copy_page_range
    25.00%     0.00%  redis-server  [kernel.kallsyms]  [k] unmap_vmas
    24.00%    20.00%  redis-server  [kernel.kallsyms]  [k] unmap_page_range
     3.00%     0.10%  redis-server  [kernel.kallsyms]  [k] tlb_finish_mmu
    12.00%    12.00%  redis-server  [kernel.kallsyms]  [k] vm_normal_page
"""
)
GRAPH = (
    HEAD
    + """\
# Overhead  Command       Shared Object      Symbol
# ........  ............  .................  .........................
#
    30.00%  redis-server  [kernel.kallsyms]  [k] vm_normal_page
            |
            |--20.00%--copy_page_range
            |          dup_mm
            |          |
            |          |--15.00%--__do_sys_clone
            |          |
            |           --5.00%--__do_sys_fork
            |
             --8.00%--unmap_page_range
                       exit_mmap

    10.00%  redis-server  [kernel.kallsyms]  [k] copy_page_range
            |
            ---dup_mm
               copy_process

    60.00%  redis-server  redis-server       [.] main
"""
)


def profile(tmp_path: Path, text: str, **wanted: str) -> Profile:
    file = tmp_path / "perf.txt"
    file.write_text(text)
    return read_profile(file, **wanted)


def test_a_flat_report(tmp_path: Path) -> None:
    found = profile(tmp_path, FLAT)
    assert (found.form, found.event, found.samples) == ("perf report", "cycles:P", 12000)
    assert found.comms["redis-server"] == pytest.approx(74)
    assert found.total == 100 and not found.has_callers and not found.inclusive


def test_a_locale_with_commas(tmp_path: Path) -> None:
    found = profile(tmp_path, CHILDREN.replace(".0", ",0").replace(".1", ",1"))
    assert found == profile(tmp_path, CHILDREN)


def test_lines_before_a_header_have_one_fault(tmp_path: Path) -> None:
    text = HEAD + "    40.00%  a  b  [.] c\n" * 3
    with pytest.raises(ConfigError) as caught:
        profile(tmp_path, text)
    (fault,) = caught.value.faults
    assert (fault.line, fault.reason) == (9, "stands before the header of a table")


def test_without_callers_shared_functions_may_be_anybodys(tmp_path: Path) -> None:
    found = profile(tmp_path, FLAT)
    fork, zap, protect = (share_of(found, name) for name in ("fork", "zap", "mprotect"))
    assert fork.low < 0.20 < fork.share < 0.30 < fork.high
    assert zap.low < 0.05 < 0.15 < zap.high
    assert protect.share == 0 and protect.high < 0.001


def test_a_children_column_states_what_a_loop_calls(tmp_path: Path) -> None:
    found = profile(tmp_path, CHILDREN)
    assert share_of(found, "fork").share == pytest.approx(0.45)
    assert share_of(found, "zap").share == pytest.approx(0.28), "nested roots count once"
    assert share_of(found, "fork").high < 0.47


def test_callers_of_a_graph_say_for_whom_a_function_ran(tmp_path: Path) -> None:
    found = profile(tmp_path, GRAPH)
    assert found.has_callers
    assert share_of(found, "fork").share == pytest.approx(0.30)
    assert share_of(found, "zap").share == pytest.approx(0.08)


def test_parts_of_a_graph_may_be_of_their_caller(tmp_path: Path) -> None:
    fractal = GRAPH.replace("20.00%--", "66.67%--").replace("8.00%--", "26.67%--")
    fractal = fractal.replace("15.00%--", "75.00%--").replace("--5.00%--", "--25.00%--")
    found = profile(tmp_path, fractal)
    assert share_of(found, "fork").share == pytest.approx(0.30, abs=1e-3)
    assert share_of(found, "zap").share == pytest.approx(0.08, abs=1e-3)


def test_folded_chains(tmp_path: Path) -> None:
    head, _, _ = GRAPH.partition("            |\n")
    folded = head + "20.00% copy_page_range;dup_mm\n8.00% unmap_page_range;exit_mmap\n\n"
    found = profile(tmp_path, folded)
    assert share_of(found, "fork").share == pytest.approx(0.20)
    assert share_of(found, "zap").share == pytest.approx(0.08)


def test_the_parts_of_a_graph_sum_to_the_report(tmp_path: Path) -> None:
    assert sum(stack.weight for stack in profile(tmp_path, GRAPH).stacks) == pytest.approx(100)


def test_columns_are_where_the_dots_are(tmp_path: Path) -> None:
    text = HEAD + (
        "# Overhead       Samples  Symbol\n# ........  ............  ..................\n#\n"
        "    50.00%            60  [k] copy_pte_range\n    50.00%            60  [.] a b(int)\n"
    )
    found = profile(tmp_path, text)
    assert share_of(found, "fork").share == pytest.approx(0.5)
    assert found.comms == {"": 100}


def test_a_command_of_a_report_is_then_the_whole(tmp_path: Path) -> None:
    found = profile(tmp_path, FLAT, comm="Web Content")
    assert share_of(found, "zap").share == 1.0
    assert found.samples == pytest.approx(600)


def test_events_are_told_apart(tmp_path: Path) -> None:
    other = FLAT.replace("12K", "3").replace("cycles:P", "page-faults").replace("20.00", " 1.00")
    found = profile(tmp_path, FLAT + other, event="page-faults")
    assert share_of(found, "fork").low < 0.01 and found.samples == 3
    assert profile(tmp_path, FLAT + other).event == "cycles:P"


def test_an_event_that_counts_time_goes_before_one_with_more_samples(tmp_path: Path) -> None:
    misses = FLAT.replace("12K", "90K").replace("cycles:P", "dTLB-load-misses")
    assert profile(tmp_path, misses + FLAT).event == "cycles:P"
    alone = profile(tmp_path, misses)
    assert not alone.is_of_time
    said = " ".join(shares_text(alone, {}, {}, "perf.txt").split())
    assert "dTLB-load-misses does not count time" in said
    assert "count time" not in shares_text(profile(tmp_path, FLAT), {}, {}, "perf.txt")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (FLAT.replace("    40.00%  redis", "    40;00%  redis"), "perf.txt:12:1: is neither"),
        (HEAD + "# Overhead  Command\n# ........  .......\n#\n", "lacks the column Symbol"),
        (FLAT.partition("    40.00%")[0], "has no entry"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        profile(tmp_path, text)
